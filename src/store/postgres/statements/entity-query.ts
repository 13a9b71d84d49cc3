import {
  raw,
  ReferenceKind,
  type EntityData,
  type EntityManager,
  type EntityName,
  type EntityProperty,
  type QBFilterQuery,
  type RequiredEntityData,
} from '@mikro-orm/postgresql';
import { type Statement, StatementNames } from './statement.ts';

/** Which rows of an entity are wanted. */
export interface EntityCriteria<Entity> {
  readonly where: QBFilterQuery<Entity>;
  readonly orderBy?: EntityOrder<Entity>;
  readonly limit?: number;
  readonly offset?: number;
  /** Locks the rows until the transaction ends: against all changes of them, or against being changed by others. */
  readonly lock?: 'update' | 'no key update' | 'share';
}

/** The properties to sort by, the first one first. */
export type EntityOrder<Entity> = { readonly [Property in keyof Entity & string]?: 'asc' | 'desc' };

/** The condition that a row has one of these ids. They are one parameter, so that the text does not depend on their number. */
export function hasIdAmong(ids: readonly string[]) {
  return { [raw('e.id = any (?)', [ids])]: [] };
}

/** The condition that a row comes after an id in the order of ids; none for the first rows. */
export function isAfterId(id: string | undefined) {
  return id === undefined ? {} : { id: { $gt: id } };
}

interface CompiledQuery {
  getQuery(): string;
  getParams(): readonly unknown[];
}

/**
 * Compiles criteria on entities into statements with the ORM's query builder. They run in our own transactions, since the
 * ORM's would put values into the text and are never prepared. Columns are read under the names of their properties; lazy
 * ones, such as ciphertext, are not loaded. Equal shapes of criteria make equal texts, which are prepared once.
 *
 * Compiling takes about 0.1 ms, so statements that every call needs are written out instead.
 *
 * @see docs/decisions/0004-explicit-transactions.md
 */
export class EntityStatements {
  readonly #em: EntityManager;
  readonly #names = new StatementNames('entities');

  constructor(em: EntityManager) {
    this.#em = em;
  }

  /** Reads rows. */
  select<Entity extends object>(
    entity: EntityName<Entity>,
    { where, orderBy, limit, offset, lock }: EntityCriteria<Entity>,
  ): Statement {
    const columns = this.#propertiesOf(entity)
      .filter(isEager)
      .map((property) => `"e".${columnOf(property)}`);
    const query = this.#em.createQueryBuilder(entity, 'e').select(raw(columns.join(', ')));
    query.where(where);
    if (orderBy) query.orderBy(orderBy);
    if (limit !== undefined) query.limit(limit);
    if (offset !== undefined) query.offset(offset);
    // The builder knows neither this lock nor that a transaction of ours is open.
    return this.#statementOf(query, lock && ` for ${lock}`);
  }

  /** Adds a row. */
  insert<Entity extends object>(entity: EntityName<Entity>, row: RequiredEntityData<Entity>): Statement {
    return this.#statementOf(this.#em.createQueryBuilder(entity).insert(row));
  }

  /**
   * Adds a row, and answers its key, unless another one is in its way.
   *
   * @param conflict names the unique index in SQL: `(name) where deactivated_at is null`
   */
  insertUnless<Entity extends object>(
    entity: EntityName<Entity>,
    conflict: string,
    row: RequiredEntityData<Entity>,
  ): Statement {
    const query = this.#em.createQueryBuilder(entity).insert(row).onConflict(raw(conflict)).ignore();
    return this.#statementOf(query.returning(raw(this.#keysOf(entity))));
  }

  /** Changes rows. */
  update<Entity extends object>(
    entity: EntityName<Entity>,
    where: QBFilterQuery<Entity>,
    changes: EntityData<Entity>,
  ): Statement {
    return this.#statementOf(this.#em.createQueryBuilder(entity).update(changes).where(where));
  }

  /** Deletes rows, and answers their keys. */
  delete<Entity extends object>(entity: EntityName<Entity>, where: QBFilterQuery<Entity>): Statement {
    // The builder returns nothing of what it deletes.
    const returning = ` returning ${this.#keysOf(entity)}`;
    return this.#statementOf(this.#em.createQueryBuilder(entity).delete(where), returning);
  }

  #keysOf<Entity extends object>(entity: EntityName<Entity>): string {
    const keys = this.#propertiesOf(entity).filter(({ primary }) => primary);
    return keys.map(columnOf).join(', ');
  }

  #propertiesOf<Entity extends object>(entity: EntityName<Entity>): readonly EntityProperty[] {
    return this.#em.getMetadata().get<Entity>(entity).props;
  }

  #statementOf(query: CompiledQuery, ending = ''): Statement {
    let parameters = 0;
    const text = query.getQuery().replaceAll('?', () => `$${(parameters += 1)}`) + ending;
    return { name: this.#names.nameOf(text), text, values: [...query.getParams()] };
  }
}

function isEager({ lazy, kind, mapToPk }: EntityProperty): boolean {
  return !lazy && (kind === ReferenceKind.SCALAR || mapToPk === true);
}

function columnOf({ name, fieldNames }: EntityProperty): string {
  return `"${fieldNames.join()}" as "${name}"`;
}
