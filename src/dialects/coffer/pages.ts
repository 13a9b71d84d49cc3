import { invalidArgument, VaultError } from '../../vault/errors.ts';
import { parseId } from '../../vault/ids.ts';
import { limits } from '../../vault/limits.ts';
import { fillPage, type FoundPage, type PageRange } from '../../vault/page.ts';

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
  return readFoundPage(list, request, async ({ size, after }) =>
    fillPage(size, (part) => {
      const start = part.after ?? after;
      return fetch({ size: part.size, ...(start !== undefined && { after: start }) });
    }),
  );
}

/** As `readPage`, for a list that reports itself whether more items follow. */
export async function readFoundPage<Item extends { readonly id: string }>(
  list: string,
  request: PageRequest,
  find: (range: PageRange) => Promise<FoundPage<Item>>,
): Promise<Page<Item>> {
  const size = pageSizeOf(request);
  const after = request.pageToken === '' ? {} : { after: parsePageToken(list, request.pageToken) };
  const { items, hasMore } = await find({ size, ...after }).catch(refuseUnknownCursor);
  const last = items.at(-1);
  return { items, nextPageToken: hasMore && last ? formatPageToken(list, last.id) : '' };
}

function pageSizeOf({ pageSize }: PageRequest): number {
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

/** A token may be well-formed and name an item that never was in this workspace. */
function refuseUnknownCursor(error: unknown): never {
  throw error instanceof VaultError && error.details.reason === 'CURSOR_UNKNOWN' ? foreignPageToken() : error;
}

function foreignPageToken(): VaultError {
  return invalidArgument('page_token', 'is not one of this list');
}
