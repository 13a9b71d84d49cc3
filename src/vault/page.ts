import { invalidArgument } from './errors.ts';
import { limits } from './limits.ts';

/** Which items of a list are requested: at most `size`, after the item with the id `after`. */
export interface PageRange {
  readonly after?: string;
  readonly size: number;
}

/** @throws VaultError `invalid_argument` for a page size that is not an integer from 1 to `most` */
export function checkPageSize(size: number, most: number = limits.pageSize): void {
  if (!(Number.isInteger(size) && size >= 1 && size <= most)) throw invalidArgument('page_size', 'is out of range');
}

/** A page of a list. */
export interface FoundPage<Item> {
  readonly items: readonly Item[];
  /** Whether the list continues after them. */
  readonly hasMore: boolean;
}

/** A part of a page, in the direction of the page. */
export interface PagePart {
  readonly size: number;
  /** The id after which the part starts; undefined for the start of the page. */
  readonly after: string | undefined;
}

/** How many rows the first read requests at most, and each later one. */
const rowsAtFirst = 128;
const rowsAtATimeMax = 512;

/**
 * Reads a page of a list in parts, and ends it before it exceeds `limits.listBytes`. A page has at least one item unless the list
 * is empty.
 *
 * @param size the most items
 * @param read returns as many items as requested, unless the list ends before
 */
export async function fillPage<Item extends { readonly id: string }>(
  size: number,
  read: (part: PagePart) => Promise<readonly Item[]>,
): Promise<FoundPage<Item>> {
  const items: Item[] = [];
  let bytes = 0;
  let wanted = Math.min(size + 1, rowsAtFirst);
  for (;;) {
    const found = await read({ size: wanted, after: items.at(-1)?.id });
    for (const item of found) {
      bytes += bytesAtMost(item);
      if (items.length === size || (items.length > 0 && bytes > limits.listBytes)) return { items, hasMore: true };
      items.push(item);
    }
    if (found.length < wanted) return { items, hasMore: false };
    const fitting = Math.ceil((limits.listBytes - bytes) / (bytes / items.length)) + 1;
    wanted = Math.min(size + 1 - items.length, fitting, rowsAtATimeMax);
  }
}

/** Covers tags, lengths, and ids that are shown in two forms. */
const nodeBytes = 16;

/** An upper bound of the bytes of a list entry as a protobuf message of any dialect. */
export function bytesAtMost(value: unknown): number {
  if (typeof value === 'string') return nodeBytes + Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null) return nodeBytes;
  if (value instanceof Date) return 2 * nodeBytes;
  if (value instanceof Uint8Array) return nodeBytes + value.length;
  let bytes = nodeBytes;
  if (Array.isArray(value)) {
    for (const item of value) bytes += bytesAtMost(item);
    return bytes;
  }
  for (const [name, member] of Object.entries(value))
    bytes += nodeBytes + Buffer.byteLength(name) + bytesAtMost(member);
  return bytes;
}
