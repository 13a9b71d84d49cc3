/**
 * Reads pages in order. Each page is requested while the one before it is processed.
 *
 * @param read returns the rows after the last row of the page before
 * @param size of a page; a smaller page is the last one
 */
export async function* readAhead<Row>(
  read: (last: Row | undefined) => Promise<readonly Row[]>,
  size: number,
): AsyncGenerator<readonly Row[]> {
  let page = await read(undefined);
  for (;;) {
    const next = page.length < size ? undefined : read(page.at(-1));
    // If the consumer stops early, nothing awaits this.
    next?.catch(() => undefined);
    yield page;
    if (!next) return;
    page = await next;
  }
}

/** How many rows are read at a time to replace the rows of a page that were omitted. */
const refillRows = 1_000;

/** A page of items from a table where rows may fail their check. */
export interface CheckedPage<Row, Item> {
  readonly size: number;
  /** The key of the last row before the page; undefined for the first page. */
  readonly after: string | undefined;
  readonly read: (after: string | undefined, limit: number) => Promise<readonly Row[]>;
  readonly keyOf: (row: Row) => string;
  /** Returns undefined for a row that fails its check, which is omitted. */
  readonly show: (row: Row) => Item | undefined;
}

/** Reads a page of items. Omitted rows are replaced by those after them, so that only the last page is shorter. */
export async function readCheckedPage<Row, Item>({
  after,
  keyOf,
  read,
  show,
  size,
}: CheckedPage<Row, Item>): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (let last = after, limit = size; ; limit = refillRows) {
    const rows = await read(last, limit);
    for (const row of rows) {
      const item = show(row);
      if (item !== undefined) items.push(item);
    }
    const end = rows.at(-1);
    if (end === undefined || rows.length < limit || items.length >= size) return items.slice(0, size);
    last = keyOf(end);
  }
}
