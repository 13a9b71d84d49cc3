import type { Credential } from '../../vault/credentials/credential.ts';
import type { SearchPage, SearchRequest } from '../../vault/credentials/search-ports.ts';
import { limits } from '../../vault/limits.ts';
import { bytesAtMost } from '../../vault/page.ts';
import type { SortKey } from '../../vault/search/order.ts';
import type { Position } from '../../vault/search/position.ts';
import { credentialOf, isShowable, type CredentialRow } from '../credentials/credential-row.ts';
import type { StoreLog } from '../postgres/connect/store-log.ts';

/** The most matches that one statement returns: at first, and later. */
const matchesAtFirst = 128;
const matchesMax = 512;

/** Collects the matches of a page until it is full: by their number, or by their bytes in the answer. */
export class PageBuilder {
  readonly #request: SearchRequest;
  readonly #log: StoreLog;
  readonly #credentials: Credential[] = [];
  #bytes = 0;
  #matchesMax = matchesAtFirst;

  constructor(request: SearchRequest, log: StoreLog) {
    this.#request = request;
    this.#log = log;
  }

  /** How many matches the next statement returns: one more than the page takes, to know whether there is another page. */
  takeExtent(): number {
    const most = this.#matchesMax;
    this.#matchesMax = matchesMax;
    return Math.min(this.#request.size + 1 - this.#credentials.length, most);
  }

  /**
   * Adds a match, or logs one that cannot be shown.
   *
   * @returns false if the page is full, and the row belongs to the next one
   */
  add(row: CredentialRow): boolean {
    if (!this.#isShown(row)) return true;
    const credential = credentialOf(row);
    this.#bytes += bytesAtMost(credential);
    const count = this.#credentials.length;
    if (count === this.#request.size || (count > 0 && this.#bytes > limits.listBytes)) return false;
    this.#credentials.push(credential);
    return true;
  }

  /** @param next where the next page begins; undefined for the last page */
  endAt(next: Position | undefined): SearchPage {
    return { credentials: this.#credentials, next };
  }

  /** Ends the page with its last match. */
  end(): SearchPage {
    const last = this.#credentials.at(-1);
    return this.endAt(last && positionOf(last, this.#request.order));
  }

  #isShown(row: CredentialRow): boolean {
    if (isShowable(row)) return true;
    const fields = { table: 'credential', id: row.id, workspace: row.workspaceId };
    this.#log.error(fields, 'a credential was changed outside of Coffer: it cannot be shown');
    return false;
  }
}

/** The position after a row, or after a credential. */
export function positionOf(
  row: Pick<CredentialRow, 'id' | SortKey['field']> | Pick<Credential, 'id' | SortKey['field']>,
  order: readonly SortKey[],
): Position {
  return { values: order.map(({ field }) => row[field] ?? null), id: row.id };
}
