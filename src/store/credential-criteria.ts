import { raw, type InferEntity, type QBFilterQuery } from '@mikro-orm/postgresql';
import type { CountRequest, CredentialFilter, CredentialSort, FindRequest, PageRequest } from '../vault/ports.ts';
import type { CredentialEntity } from './entities/credential.ts';
import type { EntityCriteria, EntityOrder } from './entity-query.ts';
import { columnOf } from './statement.ts';

type Row = InferEntity<typeof CredentialEntity>;
type Conditions = QBFilterQuery<Row>[];
type Direction = 'asc' | 'desc';

/** One credential: of several that have the name, the one to which it belongs exclusively, else the oldest. */
export function criteriaOfFind({ workspaceId, reference, deletedToo }: FindRequest): EntityCriteria<Row> {
  const where = { workspaceId, ...reference, ...(!deletedToo && { deletedAt: null }) };
  if (!('name' in reference)) return { where };
  return { where, orderBy: { exclusiveName: 'asc', ...orderOf('createdAt', 'asc') }, limit: 1 };
}

/** Those that are counted, or listed on all pages together. */
export function conditionOfList(request: CountRequest): QBFilterQuery<Row> {
  const { workspaceId, deletedToo } = request;
  const own = { workspaceId, ...(!deletedToo && { deletedAt: null }) };
  return {
    $and: [own, ...conditionsOfFilter(request), ...conditionsOfNarrowing(request), ...conditionsOfStates(request)],
  };
}

/** One page. A page that is sought backwards is found in the other direction, and is to be reversed. */
export function criteriaOfPage(request: PageRequest): EntityCriteria<Row> {
  const { after, before, sortBy = 'createdAt', order, size, skip } = request;
  const isAscending = order === 'ascending';
  const places: Conditions = [];
  if (after !== undefined) places.push(placeCondition(request, sortBy, isAscending ? '$gt' : '$lt', after));
  if (before !== undefined) places.push(placeCondition(request, sortBy, isAscending ? '$lt' : '$gt', before));
  return {
    where: { $and: [conditionOfList(request), ...places] },
    orderBy: orderOf(sortBy, isAscending === isSoughtBackwards(request) ? 'desc' : 'asc'),
    limit: size,
    ...(skip !== undefined && { offset: skip }),
  };
}

/** Whether the page is the one that ends before a place, rather than the one that begins behind another. */
export function isSoughtBackwards({ after, before }: PageRequest): boolean {
  return before !== undefined && after === undefined;
}

function orderOf(sortBy: CredentialSort, direction: Direction): EntityOrder<Row> {
  return { [sortBy]: direction, id: direction };
}

/** By the row of the place, so that its id is all that a caller must keep; there is none for an unknown place. */
function placeCondition(
  { workspaceId }: PageRequest,
  sortBy: CredentialSort,
  operator: '$gt' | '$lt',
  id: string,
): QBFilterQuery<Row> {
  const column = columnOf(sortBy);
  const place = `(select p.${column}, p.id from credential p where p.workspace_id = ? and p.id = ?)`;
  return { [raw((alias) => `(${alias}.${column}, ${alias}.id)`)]: { [operator]: raw(place, [workspaceId, id]) } };
}

function conditionsOfFilter({
  name,
  providers,
  authTypes,
  authTypesExcept,
  categories,
  search,
}: CredentialFilter): Conditions {
  const conditions: Conditions = [];
  if (name !== undefined) conditions.push({ name });
  if (providers) conditions.push({ provider: { $in: [...providers] } });
  if (authTypes) {
    conditions.push({ [raw((alias) => `lower(${alias}.auth_type)`)]: { $in: authTypes.map(lowerCase) } });
  }
  if (authTypesExcept) {
    conditions.push({ [raw((alias) => `lower(${alias}.auth_type)`)]: { $nin: authTypesExcept.map(lowerCase) } });
  }
  if (categories) conditions.push({ category: { $in: [...categories] } });
  if (search !== undefined) {
    const pattern = { $ilike: `%${search.replace(/[\\%_]/g, '\\$&')}%` };
    conditions.push({ $or: [{ name: pattern }, { description: pattern }] });
  }
  return conditions;
}

/** As `isVisible` of the vault has it. */
function conditionsOfNarrowing({ narrowing }: CredentialFilter): Conditions {
  if (!narrowing) return [];
  const { providers, tags, credentialIds } = narrowing;
  const conditions: Conditions = [];
  if (providers.length > 0) conditions.push({ provider: { $in: [...providers] } });
  if (tags.length > 0) conditions.push({ tags: { $overlap: [...tags] } });
  if (credentialIds.length > 0) conditions.push({ id: { $in: [...credentialIds] } });
  return conditions;
}

/** As `stateOf` of the vault has it, of those that live. */
function conditionsOfStates({ states, now }: CountRequest): Conditions {
  if (!states) return [];
  const unexpired = { $or: [{ expiresAt: null }, { expiresAt: { $gt: now } }] };
  const conditions = {
    ACTIVE: { $and: [{ isActive: true }, unexpired] },
    INACTIVE: { $and: [{ isActive: false }, unexpired] },
    EXPIRED: { expiresAt: { $lte: now } },
  };
  // No alternatives are no condition at all to the ORM.
  if (states.length === 0) return [{ id: { $in: [] } }];
  return [{ deletedAt: null }, { $or: states.map((state) => conditions[state]) }];
}

/** ASCII alone, as PostgreSQL's `lower` of the C locale does it. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
