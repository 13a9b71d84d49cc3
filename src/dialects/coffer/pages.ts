import { invalidArgument, VaultError } from '../../vault/errors.ts';
import { fillPage, type FoundPage } from '../../vault/page.ts';
import { parseId } from '../../vault/ids.ts';
import { limits } from '../../vault/limits.ts';

/** What a list request says of the page it wants. */
export interface PageWish {
  /** 0 for the default; more than the greatest means the greatest. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
}

/** A page as it is fetched. */
export interface PageRange {
  readonly size: number;
  /** The id behind which to continue. */
  readonly after?: string;
}

/** A page as it is answered. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/**
 * Fetches one page of a list, and finds out whether another follows. It ends early where it would have too many bytes.
 *
 * @param list the name of the list; the page token of another one is refused
 * @throws VaultError `invalid_argument` for a page token that this list never gave, or a negative size
 * @see https://google.aip.dev/158
 */
export async function readPage<Item extends { readonly id: string }>(
  list: string,
  wish: PageWish,
  fetch: (range: PageRange) => Promise<readonly Item[]>,
): Promise<Page<Item>> {
  return readFoundPage(list, wish, async ({ size, after }) =>
    fillPage(size, ({ size: wanted, behind = after }) =>
      fetch({ size: wanted, ...(behind !== undefined && { after: behind }) }),
    ),
  );
}

/** As `readPage`, of a list that tells by itself whether it goes on. */
export async function readFoundPage<Item extends { readonly id: string }>(
  list: string,
  wish: PageWish,
  find: (range: PageRange) => Promise<FoundPage<Item>>,
): Promise<Page<Item>> {
  const size = pageSizeOf(wish);
  const after = wish.pageToken === '' ? {} : { after: readToken(list, wish.pageToken) };
  const { items, hasMore } = await find({ size, ...after }).catch(refuseForeignToken);
  const last = items.at(-1);
  return { items, nextPageToken: hasMore && last ? spellToken(list, last.id) : '' };
}

function pageSizeOf({ pageSize }: PageWish): number {
  if (pageSize < 0) throw invalidArgument('page_size', 'must be at least 0');
  return Math.min(pageSize === 0 ? limits.pageSizeDefault : pageSize, limits.pageSize);
}

function spellToken(list: string, id: string): string {
  return Buffer.from(`${list}:${id}`).toString('base64url');
}

/** Spelling it once more shows that nothing else was in it, since decoding base64 overlooks what it does not know. */
function readToken(list: string, token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  const id = parseId(text.slice(list.length + 1));
  if (id === undefined || spellToken(list, id) !== token) throw tokenOfAnotherList();
  return id;
}

/** A token may be well spelt, and name what never was in this workspace. */
function refuseForeignToken(error: unknown): never {
  throw error instanceof VaultError && error.details.reason === 'CURSOR_UNKNOWN' ? tokenOfAnotherList() : error;
}

function tokenOfAnotherList(): VaultError {
  return invalidArgument('page_token', 'is not one of this list');
}
