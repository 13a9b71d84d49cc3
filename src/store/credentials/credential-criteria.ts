import type { CountRequest, CredentialFilter, PageRequest } from '../../vault/credentials/ports.ts';
import { credentialProperties } from './credential-row.ts';
import { columnOf, selectList, type Statement, type StatementNames } from '../postgres/statements/statement.ts';

/*
 * Hand-written: without the ORM, a list of 50 took 830 µs instead of 5,000 (docs/performance.md, "Where the time goes";
 * `npm run bench -- --only rest`, list).
 */

/** A condition whose values are marked by `?`, each in its place. */
interface Condition {
  readonly text: string;
  readonly values: readonly unknown[];
}

const columns = selectList('c', credentialProperties);

/** Counts all that are on the pages of a list together, as `count`. */
export function countCredentials(request: CountRequest, names: StatementNames): Statement {
  return statementOf('select count(*) as count from credential c', conditionsOfList(request), names);
}

/** Lists one page. A page that is sought backwards is found in the other direction, and is to be reversed. */
export function listPage(request: PageRequest, names: StatementNames): Statement {
  const { after, before, sortBy = 'createdAt', order, size, skip } = request;
  const [behind, ahead] = order === 'ascending' ? ['>', '<'] : ['<', '>'];
  const column = columnOf(sortBy);
  const direction = (order === 'ascending') === isSoughtBackwards(request) ? 'desc' : 'asc';
  const page = {
    text: `order by c.${column} ${direction}, c.id ${direction} limit ?${skip === undefined ? '' : ' offset ?'}`,
    values: [size, ...(skip === undefined ? [] : [skip])],
  };
  const places = [
    ...(after === undefined ? [] : [placeCondition(request.workspaceId, column, behind, after)]),
    ...(before === undefined ? [] : [placeCondition(request.workspaceId, column, ahead, before)]),
  ];
  return statementOf(`select ${columns} from credential c`, [...conditionsOfList(request), ...places], names, page);
}

/** Whether the page is the one that ends before a credential, rather than the one that begins after another. */
export function isSoughtBackwards({ after, before }: PageRequest): boolean {
  return before !== undefined && after === undefined;
}

/** The text depends on which limits there are and not on their values, so that there are few, which can be prepared. */
function statementOf(
  start: string,
  conditions: readonly Condition[],
  names: StatementNames,
  end?: Condition,
): Statement {
  const where = conditions.map(({ text }) => text).join(' and ');
  let parameters = 0;
  const text = `${start} where ${where} ${end?.text ?? ''}`.replaceAll('?', () => `$${(parameters += 1)}`);
  const values = [...conditions, ...(end ? [end] : [])].flatMap((condition) => condition.values);
  return { name: names.nameOf(text), text, values };
}

function conditionsOfList(request: CountRequest): Condition[] {
  return [
    { text: 'c.workspace_id = ?', values: [request.workspaceId] },
    { text: request.deletedToo ? 'c.purged_at is null' : 'c.deleted_at is null', values: [] },
    ...conditionsOfFilter(request),
    ...conditionsOfKeyScope(request),
    ...conditionsOfStates(request),
  ];
}

/** By the row of the place, so that its id is all that a caller must keep; there is none for an unknown place. */
function placeCondition(workspaceId: string, column: string, operator: string, id: string): Condition {
  const place = `select p.${column}, p.id from credential p where p.workspace_id = ? and p.id = ?`;
  return { text: `(c.${column}, c.id) ${operator} (${place})`, values: [workspaceId, id] };
}

function conditionsOfFilter(filter: CredentialFilter): Condition[] {
  const { name, providers, authTypes, authTypesExcept, categories, search } = filter;
  const limits: readonly (readonly [text: string, ...values: unknown[]])[] = [
    ['c.name = ?', name],
    ['c.provider = any (?::text[])', providers],
    ['lower(c.auth_type) = any (?::text[])', authTypes?.map(lowerCase)],
    ['lower(c.auth_type) <> all (?::text[])', authTypesExcept?.map(lowerCase)],
    ['c.category = any (?::text[])', categories],
  ];
  const given = limits.filter(([, value]) => value !== undefined).map(([text, ...values]) => ({ text, values }));
  if (search === undefined) return given;
  const pattern = `%${search.replace(/[\\%_]/g, '\\$&')}%`;
  return [...given, { text: '(c.name ilike ? or c.description ilike ?)', values: [pattern, pattern] }];
}

/** As `isVisible` of the vault has it. */
function conditionsOfKeyScope({ keyScope }: CredentialFilter): Condition[] {
  if (!keyScope) return [];
  const { providers, tags, credentialIds, subjects } = keyScope;
  return [
    ...(providers.length > 0 ? [{ text: 'c.provider = any (?::text[])', values: [providers] }] : []),
    ...(tags.length > 0 ? [{ text: 'c.tags && ?::text[]', values: [tags] }] : []),
    ...(credentialIds.length > 0 ? [{ text: 'c.id = any (?::uuid[])', values: [credentialIds] }] : []),
    ...(subjects.length > 0 ? [{ text: 'c.subject = any (?::text[])', values: [subjects] }] : []),
  ];
}

const isUnexpired = '(c.expires_at is null or c.expires_at > ?::timestamptz)';

/** As `stateOf` of the vault has it, of those that live. */
const conditionOfState = {
  ACTIVE: `c.is_active and ${isUnexpired}`,
  INACTIVE: `not c.is_active and ${isUnexpired}`,
  EXPIRED: 'c.expires_at <= ?::timestamptz',
} as const;

function conditionsOfStates({ states, now }: CountRequest): Condition[] {
  if (!states) return [];
  const text = states.map((state) => conditionOfState[state]).join(' or ');
  return [{ text: `c.deleted_at is null and (${text || 'false'})`, values: states.map(() => now) }];
}

/** Only ASCII, as PostgreSQL's `lower` of the C locale does it. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
