import type { MatchCount, SearchPage, SearchRequest } from '../../vault/credentials/search-ports.ts';
import { VaultError } from '../../vault/errors.ts';
import type { Position } from '../../vault/search/position.ts';
import type { StoreLog } from '../postgres/connect/store-log.ts';
import type { Database } from '../postgres/database.ts';
import { StatementNames, type Statement } from '../postgres/statements/statement.ts';
import { accessPathsOf, wholeWorkspace, type AccessPath } from './access-paths.ts';
import { PageBuilder, positionOf } from './page-builder.ts';
import {
  countEntries,
  countMatches,
  sortCandidates,
  walkInOrder,
  type CandidateRow,
  type WalkedRow,
} from './search-statements.ts';
import { SearchSlots } from './search-slots.ts';
import { isIndexedOrder } from './sort-order.ts';

/** How much a search may do. */
export interface SearchLimits {
  /** Searches of a workspace at once. */
  readonly atOnce: number;
  /** The rows that a page looks at, and the time after which it ends at the next opportunity. */
  readonly looked: number;
  readonly pageMs: number;
  /** A statement that needs longer is ended. It also is the most time for a total. */
  readonly statementMs: number;
  /** The rows that the first statement of a page looks at; each later one looks at as many as all before it. */
  readonly lookedAtFirst: number;
  /** The most entries that are sorted where the order has an index, and where it has none. */
  readonly candidates: { readonly indexed: number; readonly unindexed: number };
  /** How far entries are counted to choose an access path. */
  readonly comparedEntries: number;
}

/** The limits of a server. @see docs/limits.md */
export const searchLimits: SearchLimits = {
  atOnce: 4,
  looked: 20_000,
  pageMs: 500,
  statementMs: 2_000,
  lookedAtFirst: 1_000,
  candidates: { indexed: 5_000, unindexed: 10_000 },
  comparedEntries: 1_000,
};

export interface SearcherParts {
  readonly database: Database;
  readonly log: StoreLog;
  /** Those of a server by default. */
  readonly limits?: SearchLimits;
}

/**
 * Searches credentials. Each search follows one index, and stops after a number of rows or some time, so that no filter and no
 * workspace makes it expensive; its page then is shorter, and the next one continues.
 *
 * @see docs/decisions/0044-search-by-terms.md
 */
export class CredentialSearcher {
  readonly #database: Database;
  readonly #log: StoreLog;
  readonly #limits: SearchLimits;
  readonly #slots: SearchSlots;
  /** Filters are unlimited in number, and must not use up the names of the list without one. */
  readonly #names = new StatementNames('search');
  readonly #listNames = new StatementNames('list page');

  constructor({ database, limits = searchLimits, log }: SearcherParts) {
    this.#database = database;
    this.#log = log;
    this.#limits = limits;
    this.#slots = new SearchSlots(limits.atOnce);
  }

  /** @throws VaultError `resource_exhausted`, `TOO_MANY_ROWS`, for an order without an index over too many rows; `canceled` */
  async search(request: SearchRequest): Promise<SearchPage> {
    if (isPlain(request)) return this.#walk(wholeWorkspace(request.workspaceId, 'createdAt'), request);
    return this.#slots.run(request, () => this.#search(request));
  }

  /** @throws VaultError `resource_exhausted`, `TOO_MANY_ROWS`, if counting needs too long; `canceled` */
  async count(request: MatchCount): Promise<number> {
    return this.#slots.run(request, async () => {
      const { filter, workspaceId } = request;
      const path = (await this.#choosePath(request)) ?? wholeWorkspace(workspaceId, undefined);
      const criteria = { ...request, filter, deletedToo: request.deletedToo === true };
      const rows = await this.#read<{ readonly count: number }>(request, [countMatches(path, criteria, this.#names)]);
      if (!rows) throw tooManyRows('there are too many rows to count them in time');
      return rows[0]?.[0]?.count ?? 0;
    });
  }

  async #search(request: SearchRequest): Promise<SearchPage> {
    const { order, workspaceId } = request;
    const [first] = order;
    const chosen = await this.#choosePath(request);
    if (chosen && chosen.order === first?.field) return this.#walk(chosen, request);
    const isIndexed = isIndexedOrder(order);
    if (chosen || !isIndexed) {
      const most = isIndexed ? this.#limits.candidates.indexed : this.#limits.candidates.unindexed;
      const page = await this.#sort(chosen ?? wholeWorkspace(workspaceId, undefined), request, most);
      if (page) return page;
    }
    if (isIndexed) return this.#walk(wholeWorkspace(workspaceId, first?.field), request);
    throw tooManyRows(
      'there are too many rows for this order: add a filter, or sort by created_at, updated_at or name',
    );
  }

  /** The access path with the fewest entries; undefined if the filter has none. */
  async #choosePath(request: MatchCount): Promise<AccessPath | undefined> {
    const paths = accessPathsOf(request.workspaceId, request.filter);
    if (paths.length < 2) return paths[0];
    const most = this.#limits.comparedEntries;
    const statements = paths.map((path) => countEntries(path, most, this.#names));
    const counts = await this.#read<{ readonly count: number }>(request, statements);
    const sizes = paths.map((path, index) => ({ path, size: counts?.[index]?.[0]?.count ?? most }));
    return sizes.toSorted((one, other) => one.size - other.size)[0]?.path;
  }

  /** A page in the order of the access path. */
  async #walk(path: AccessPath, request: SearchRequest): Promise<SearchPage> {
    const deadlineMs = performance.now() + this.#limits.pageMs;
    const names = isPlain(request) ? this.#listNames : this.#names;
    const page = new PageBuilder(request, this.#log);
    let after = request.after;
    for (let looked = 0; ;) {
      const extent = {
        looked: Math.min(Math.max(looked, this.#limits.lookedAtFirst), this.#limits.looked - looked),
        matches: page.takeExtent(),
      };
      const statement = walkInOrder(path, criteriaOf(request, after), extent, names);
      const [rows] = (await this.#read<WalkedRow>(request, [statement])) ?? [];
      // Without progress, the next page would end in the same way.
      if (!rows && looked === 0) throw tooManyRows('there are too many rows for this order');
      if (!rows) return page.endAt(after);
      for (const row of rows) if (row.isMatch && !page.add(row)) return page.end();
      const last = rows.at(-1);
      const isEnd = !last || (last.number < extent.looked && rows.length < extent.matches);
      if (isEnd) return page.endAt(undefined);
      after = positionOf(last, request.order);
      looked += last.number;
      if (looked >= this.#limits.looked || performance.now() >= deadlineMs) return page.endAt(after);
    }
  }

  /** A page of all matches of an access path, sorted; undefined if it has too many entries. */
  async #sort(path: AccessPath, request: SearchRequest, most: number): Promise<SearchPage | undefined> {
    const page = new PageBuilder(request, this.#log);
    for (let after = request.after; ;) {
      const extent = { looked: most, matches: page.takeExtent() };
      const statement = sortCandidates(path, criteriaOf(request, after), extent, this.#names);
      const [rows] = (await this.#read<CandidateRow>(request, [statement])) ?? [];
      const [first] = rows ?? [];
      if (!rows || !first || first.looked > most) return undefined;
      const matches = rows.filter(({ id }) => id !== null);
      for (const row of matches) if (!page.add(row)) return page.end();
      const last = matches.at(-1);
      if (!last || matches.length < extent.matches) return page.endAt(undefined);
      after = positionOf(last, request.order);
    }
  }

  async #read<Row extends object>(
    request: MatchCount & Partial<Pick<SearchRequest, 'order'>>,
    statements: readonly Statement[],
  ): Promise<readonly (readonly Row[])[] | undefined> {
    const scope = { workspaces: [request.workspaceId], signal: request.signal };
    if (isPlain(request)) return this.#database.read<Row>(scope, statements);
    return this.#database.readWithin<Row>(this.#limits.statementMs, scope, statements);
  }
}

/** A list without a filter in the order of creation, which is as frequent as all searches. */
function isPlain({ filter, order = [] }: MatchCount & Partial<Pick<SearchRequest, 'order'>>): boolean {
  return filter === undefined && order.length === 1 && order[0]?.field === 'createdAt';
}

function criteriaOf({ deletedToo = false, filter, now, order }: SearchRequest, after: Position | undefined) {
  return { filter, order, after, deletedToo, now };
}

function tooManyRows(message: string): VaultError {
  return new VaultError('resource_exhausted', message, { reason: 'TOO_MANY_ROWS' });
}
