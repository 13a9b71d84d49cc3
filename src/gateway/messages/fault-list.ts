import type { Fault, Problem } from '../contract/dialect.ts';
import { faultsMax, quote } from '../errors/refusal-limits.ts';

/** A fault with its place: the positions of fields and items from the root of the message. */
export interface PlacedFault {
  readonly fault: Fault;
  readonly order: readonly number[];
}

/** The faults of a request that a refusal lists. */
export type FaultList = Omit<Extract<Problem, { kind: 'invalid_request' }>, 'kind'>;

const sourceRanks: Readonly<Record<Fault['source'], number>> = { path: 0, query: 1, body: 2, header: 3 };

/** Lists at most 100 faults, in the order of the message's fields, with each name shortened to what a refusal quotes. */
export function faultListOf(found: readonly PlacedFault[]): FaultList {
  const faults = found
    .toSorted(compare)
    .slice(0, faultsMax)
    .map(({ fault }) => quoteFault(fault));
  return { faults, ...(found.length > faultsMax && { hasMore: true }) };
}

/** Creates the test whether a place is the place of a fault, or above or below one; then a second fault would be redundant. */
export function overlapWith(faults: readonly PlacedFault[]): (order: readonly number[]) => boolean {
  const at = new Set(faults.map(({ order }) => order.join()));
  const above = new Set(faults.flatMap(({ order }) => prefixesOf(order)));
  return (order) => above.has(order.join()) || prefixesOf(order).some((prefix) => at.has(prefix));
}

/** A place and its ancestors, each as its joined positions. */
function prefixesOf(order: readonly number[]): string[] {
  return Array.from({ length: order.length + 1 }, (_, length) => order.slice(0, length).join());
}

function quoteFault(fault: Fault): Fault {
  return { ...fault, path: quotePath(fault.path) };
}

/** The most bytes that the names of a path take; deeper ones are left out. */
const pathBytesMax = 4_096;

function quotePath(path: Fault['path']): Fault['path'] {
  const quoted: (string | number)[] = [];
  let bytesLeft = pathBytesMax;
  for (const step of path) {
    const name = typeof step === 'string' ? quote(step) : step;
    bytesLeft -= Buffer.byteLength(String(name));
    if (bytesLeft < 0) break;
    quoted.push(name);
  }
  return quoted;
}

function compare(left: PlacedFault, right: PlacedFault): number {
  const bySource = sourceRanks[left.fault.source] - sourceRanks[right.fault.source];
  if (bySource !== 0) return bySource;
  const at = left.order.findIndex((position, index) => position !== right.order[index]);
  if (at === -1) return left.order.length - right.order.length;
  return (left.order[at] ?? 0) - (right.order[at] ?? -1);
}
