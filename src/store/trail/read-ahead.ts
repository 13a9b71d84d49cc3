/**
 * Reads pages in their order, each while the one before it is worked on.
 *
 * @param read answers the rows after the last one of the page before
 * @param size of a page; a smaller one is the last
 */
export async function* readAhead<Row>(
  read: (last: Row | undefined) => Promise<readonly Row[]>,
  size: number,
): AsyncGenerator<readonly Row[]> {
  let page = await read(undefined);
  for (;;) {
    const next = page.length < size ? undefined : read(page.at(-1));
    // Where the reading is broken off, nothing waits for it.
    next?.catch(() => undefined);
    yield page;
    if (!next) return;
    page = await next;
  }
}
