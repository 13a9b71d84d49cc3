import { expect } from 'chai';
import { bytesAtMost, fillPage } from '../../src/vault/page.ts';
import { limits } from '../../src/vault/limits.ts';

interface Item {
  readonly id: string;
  readonly text: string;
}

function itemsOf(count: number, bytes: number): Item[] {
  return Array.from({ length: count }, (_, index) => ({ id: String(index), text: 'x'.repeat(bytes) }));
}

/** Reads a list by parts, and counts what was read. */
async function pageOf(list: readonly Item[], size: number) {
  const parts: number[] = [];
  const page = await fillPage(size, async ({ size: wanted, after }) => {
    const start = after === undefined ? 0 : Number(after) + 1;
    const found = list.slice(start, start + wanted);
    parts.push(found.length);
    return found;
  });
  return { ...page, parts, rowsRead: parts.reduce((sum, count) => sum + count, 0) };
}

describe('a page of a list', () => {
  for (const [length, size, hasMore] of [
    [0, 10, false],
    [9, 10, false],
    [10, 10, false],
    [11, 10, true],
    [1_000, 1_000, false],
    [1_001, 1_000, true],
  ] as const) {
    it(`of ${size} at most of ${length} states ${hasMore ? 'that' : 'not that'} the list goes on`, async () => {
      const page = await pageOf(itemsOf(length, 10), size);
      expect(page.items).to.deep.equal(itemsOf(Math.min(length, size), 10));
      expect(page.hasMore).to.equal(hasMore);
    });
  }

  it('of the default size is read at once', async () => {
    expect((await pageOf(itemsOf(500, 100), limits.pageSizeDefault)).parts).to.have.length(1);
  });

  it('ends before it has too many bytes, and not much more is read than it has', async () => {
    const { items, hasMore, rowsRead } = await pageOf(itemsOf(10_000, 16_384), 10_000);
    expect(hasMore).to.equal(true);
    expect(bytesAtMost(items)).to.be.within(limits.listBytes * 0.95, limits.listBytes * 1.01);
    expect(rowsRead).to.be.lessThan(items.length + 10);
  });

  it('has an item also where that one has too many bytes', async () => {
    const { items, hasMore } = await pageOf(itemsOf(3, limits.listBytes + 1), 10);
    expect(items).to.have.length(1);
    expect(hasMore).to.equal(true);
  });
});
