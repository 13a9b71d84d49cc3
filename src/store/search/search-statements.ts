import type { Filter } from '../../vault/search/filter.ts';
import type { SortKey } from '../../vault/search/order.ts';
import type { Position } from '../../vault/search/position.ts';
import { credentialProperties, type CredentialRow } from '../credentials/credential-row.ts';
import { selectList, type Statement, type StatementNames } from '../postgres/statements/statement.ts';
import type { AccessPath } from './access-paths.ts';
import { compileFilter } from './compile-filter.ts';
import { SortOrder } from './sort-order.ts';
import { SqlParameters } from './sql-parameters.ts';

/*
 * Hand-written: the plan of each of these has to follow the index of its access path, under row-level security and whatever the
 * planner thinks of the workspace (`npm run bench -- --only scale`, filters).
 */

const walkedList = selectList('c', credentialProperties);
const candidateList = selectList('f', credentialProperties);

/** What is searched for. */
export interface Criteria {
  /** The filter and the scope of the caller's key; everything if undefined. */
  readonly filter: Filter | undefined;
  readonly order: readonly SortKey[];
  readonly after: Position | undefined;
  readonly deletedToo: boolean;
  readonly now: Date;
}

/** How far a statement goes. */
export interface Extent {
  /** The most rows, or entries, that it looks at. */
  readonly looked: number;
  /** The most matches that it returns. */
  readonly matches: number;
}

/** A row of `walkInOrder`. */
export type WalkedRow = CredentialRow & {
  /** The number of the row among those that were looked at, from 1. */
  readonly number: number;
  readonly isMatch: boolean;
};

/** A row of `sortCandidates`; without a match, all but the number is null. */
export type CandidateRow = CredentialRow & {
  /** The number of entries, at most one more than are looked at. */
  readonly looked: number;
};

/**
 * Walks an access path in its order until there are enough matches. The last row that it may look at is returned in any case, so
 * that the next walk begins after it.
 */
export function walkInOrder(
  path: AccessPath,
  criteria: Criteria,
  { looked, matches }: Extent,
  names: StatementNames,
): Statement {
  const parameters = new SqlParameters(criteria.now);
  const order = new SortOrder(criteria.order, path);
  const rows = path.rows(parameters);
  const position = criteria.after ? ` and ${order.after(criteria.after, parameters)}` : '';
  const lookedReference = `${parameters.add(looked)}::bigint`;
  const isMatch = matchOf(criteria, parameters);
  const text = `
    select ${walkedList}, c.number::int as "number", ${isMatch} as "isMatch"
    from (
      select w.*, row_number() over () as number
      from (select c.* from ${rows}${position} ${order.clause} limit ${lookedReference}) w
    ) c
    where ${isMatch} or c.number = ${lookedReference}
    limit ${parameters.add(matches)}::bigint`;
  return { name: names.nameOf(text), text, values: parameters.values };
}

/**
 * Sorts all matches of an access path that has few entries, in whatever order. With too many entries it looks at no row.
 */
export function sortCandidates(
  path: AccessPath,
  criteria: Criteria,
  { looked, matches }: Extent,
  names: StatementNames,
): Statement {
  const parameters = new SqlParameters(criteria.now);
  const order = new SortOrder(criteria.order);
  const most = `${parameters.add(looked)}::bigint`;
  const entries = path.entries(parameters);
  const rows = path.rows(parameters);
  const position = criteria.after ? `and ${order.after(criteria.after, parameters)}` : '';
  // `offset 0` keeps the planner from walking the workspace in the order that is wanted.
  const text = `
    select e.count::int as looked, ${candidateList}
    from (select count(*) as count from (select from ${entries} ${path.indexOrder} limit ${most} + 1) s) e
    left join lateral (
      select c.*
      from (select c.* from ${rows} and ${matchOf(criteria, parameters)} ${path.indexOrder} offset 0) c
      where e.count <= ${most} ${position}
      ${order.clause} limit ${parameters.add(matches)}::bigint
    ) f on true`;
  return { name: names.nameOf(text), text, values: parameters.values };
}

/** Counts the entries of an access path, at most so many, as `count`. */
export function countEntries(path: AccessPath, most: number, names: StatementNames): Statement {
  const parameters = new SqlParameters(new Date(0));
  const entries = path.entries(parameters);
  const text = `select count(*)::int as count from (select from ${entries} ${path.indexOrder} limit ${parameters.add(most)}::bigint) e`;
  return { name: names.nameOf(text), text, values: parameters.values };
}

/** Counts all matches, as `count`. */
export function countMatches(
  path: AccessPath,
  criteria: Pick<Criteria, 'filter' | 'deletedToo' | 'now'>,
  names: StatementNames,
): Statement {
  const parameters = new SqlParameters(criteria.now);
  const rows = `select from ${path.rows(parameters)} and ${matchOf(criteria, parameters)} ${path.indexOrder}`;
  const text = `select count(*) as count from (${rows} offset 0) c`;
  return { name: names.nameOf(text), text, values: parameters.values };
}

function matchOf({ deletedToo, filter }: Pick<Criteria, 'filter' | 'deletedToo'>, parameters: SqlParameters): string {
  const conditions = [
    // What is left of a purged credential is shown in no case.
    deletedToo ? 'c.purged_at is null' : 'c.deleted_at is null',
    ...(filter ? [compileFilter(filter, parameters)] : []),
  ];
  return `((${conditions.join(' and ')}) is true)`;
}
