import { invalidArgument, type VaultError } from '../../vault/errors.ts';
import { parseId } from '../../vault/ids.ts';
import { limits } from '../../vault/limits.ts';
import { fillPage, type PageRange } from '../../vault/page.ts';

/** The members of a list request that select a page. */
export interface PageRequest {
  /** 0 for the default; values above the maximum mean the maximum. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
}

/** A page as it is answered. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/**
 * Fetches one page of a list, and whether another follows. The page ends early where its bytes would exceed `limits.listBytes`.
 *
 * @param list the name of the list; page tokens of other lists are refused
 * @throws VaultError `invalid_argument` for a page token that this list did not issue, or a negative size
 * @see https://google.aip.dev/158
 */
export async function readPage<Item extends { readonly id: string }>(
  list: string,
  request: PageRequest,
  fetch: (range: PageRange) => Promise<readonly Item[]>,
): Promise<Page<Item>> {
  const size = pageSizeOf(request);
  const first = request.pageToken === '' ? undefined : parsePageToken(list, request.pageToken);
  const { items, hasMore } = await fillPage(size, (part) => {
    const after = part.after ?? first;
    return fetch({ size: part.size, ...(after !== undefined && { after }) });
  });
  const last = items.at(-1);
  return { items, nextPageToken: hasMore && last ? formatPageToken(list, last.id) : '' };
}

/** @throws VaultError `invalid_argument` for a negative size */
export function pageSizeOf({ pageSize }: Pick<PageRequest, 'pageSize'>): number {
  if (pageSize < 0) throw invalidArgument('page_size', 'must be at least 0');
  return Math.min(pageSize === 0 ? limits.pageSizeDefault : pageSize, limits.pageSize);
}

function formatPageToken(list: string, id: string): string {
  return Buffer.from(`${list}:${id}`).toString('base64url');
}

/** Compares with the token as it would be issued, since base64 decoding ignores characters outside its alphabet. */
function parsePageToken(list: string, token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  const id = parseId(text.slice(list.length + 1));
  if (id === undefined || formatPageToken(list, id) !== token) throw foreignPageToken();
  return id;
}

function foreignPageToken(): VaultError {
  return invalidArgument('page_token', 'is not one of this list');
}
