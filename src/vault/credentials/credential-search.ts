import { authorize, isVisible, keyScopeOfCall, type Call } from '../caller.ts';
import { invalidArgument, type VaultError } from '../errors.ts';
import { parseFilter } from '../search/filter-parser.ts';
import { allOf } from '../search/filter.ts';
import { parseOrder, type SortKey } from '../search/order.ts';
import { formatList, formatPosition, parsePosition, type PageTokens, type Position } from '../search/position.ts';
import type { Clock } from '../time.ts';
import { scopeFilters } from './credential-filter.ts';
import type { Credential } from './credential.ts';
import type { CredentialStore } from './ports.ts';

export interface CredentialSearchParts {
  readonly store: Pick<CredentialStore, 'search' | 'countMatches'>;
  readonly pageTokens: PageTokens;
  readonly clock: Clock;
}

/** A page of a search, as it is requested. */
export interface SearchQuery {
  /** See `parseFilter`; blank for everything. */
  readonly filter: string;
  /** See `parseOrder`; blank for newest first. */
  readonly orderBy: string;
  /** From 1. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
  readonly showDeleted: boolean;
  readonly includeTotalSize: boolean;
}

export interface FoundCredentials {
  /** May be fewer than requested, and none, even if more follow. */
  readonly credentials: readonly Credential[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
  /** The number of all matches, if requested. */
  readonly totalSize: number | undefined;
}

/** Finds credentials by their metadata. */
export class CredentialSearch {
  readonly #parts: CredentialSearchParts;

  constructor(parts: CredentialSearchParts) {
    this.#parts = parts;
  }

  /**
   * Lists a page of the credentials that match a filter, within the scope of the caller's key. A credential whose sort values
   * stay is on one page exactly, whatever is created or changed between pages.
   *
   * @throws VaultError `invalid_argument`, for a filter with the reason `INVALID_FILTER`, and for a page token of another query;
   *   `resource_exhausted` with the reason `TOO_MANY_ROWS`
   */
  async search(call: Call, query: SearchQuery): Promise<FoundCredentials> {
    authorize(call, 'credentials.read');
    const { signal, workspaceId } = call;
    const { pageSize: size, showDeleted: deletedToo } = query;
    const filter = parseFilter(query.filter);
    const order = parseOrder(query.orderBy);
    const list = formatList({ workspaceId, filter, order, deletedToo });
    const after = this.#positionOf(list, query.pageToken, order);
    const scoped = allOf([...(filter ? [filter] : []), ...scopeFilters(keyScopeOfCall(call).keyScope)]);
    const criteria = { workspaceId, filter: scoped, deletedToo, now: this.#parts.clock.now(), signal };
    const [{ credentials, next }, totalSize] = await Promise.all([
      this.#parts.store.search({ ...criteria, order, after, size }),
      query.includeTotalSize ? this.#parts.store.countMatches(criteria) : undefined,
    ]);
    return {
      credentials: credentials.filter((credential) => isVisible(call, credential)),
      nextPageToken: next ? this.#parts.pageTokens.seal(list, formatPosition(next)) : '',
      totalSize,
    };
  }

  #positionOf(list: string, pageToken: string, order: readonly SortKey[]): Position | undefined {
    if (pageToken === '') return undefined;
    const content = this.#parts.pageTokens.open(list, pageToken);
    const position = content === undefined ? undefined : parsePosition(content, order);
    if (!position) throw foreignPageToken();
    return position;
  }
}

function foreignPageToken(): VaultError {
  return invalidArgument('page_token', 'is not one of this list');
}
