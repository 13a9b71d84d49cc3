import { ReferenceKind, type EntityManager, type EntityName, type QBFilterQuery } from '@mikro-orm/postgresql';
import type { Statement } from './statement.ts';

/** Which rows of an entity are wanted. */
export interface EntityCriteria<Entity> {
  readonly where: QBFilterQuery<Entity>;
  readonly orderBy?: EntityOrder<Entity>;
  readonly limit?: number;
}

/** The properties to sort by, the first one first. */
export type EntityOrder<Entity> = { readonly [Property in keyof Entity & string]?: 'asc' | 'desc' };

/**
 * The statement that finds rows of an entity, for running it in a transaction of ours: the ORM's own would put values
 * into its text. Lazy properties, such as ciphertext, are not loaded. It is not prepared, since its text varies.
 */
export function selectEntities<Entity extends object>(
  em: EntityManager,
  entity: EntityName<Entity>,
  { where, orderBy, limit }: EntityCriteria<Entity>,
): Statement {
  const query = em.createQueryBuilder(entity, 'e').select(eagerColumnsOf(em, entity)).where(where);
  if (orderBy) query.orderBy(orderBy);
  if (limit !== undefined) query.limit(limit);
  return statementOf(query);
}

function statementOf(query: { getQuery(): string; getParams(): readonly unknown[] }): Statement {
  let parameters = 0;
  const text = query.getQuery().replaceAll('?', () => `$${(parameters += 1)}`);
  return { name: '', text, values: [...query.getParams()] };
}

function eagerColumnsOf<Entity extends object>(em: EntityManager, entity: EntityName<Entity>) {
  const { props } = em.getMetadata().get<Entity>(entity);
  return props
    .filter(({ lazy, kind, mapToPk }) => !lazy && (kind === ReferenceKind.SCALAR || mapToPk))
    .map(({ name }) => name);
}
