import type { Fault, Problem } from '../contract/dialect.ts';
import { faultsMax, quote } from '../errors/refusal-limits.ts';
import type { PlacedFault } from './request-checker.ts';

/** What is wrong with a request, as far as a refusal lists it. */
export type FaultList = Omit<Extract<Problem, { kind: 'invalid_request' }>, 'kind'>;

const sourceRanks: Readonly<Record<Fault['source'], number>> = { path: 0, query: 1, body: 2, header: 3 };

/** Lists faults in the model's order, each name cut to what a refusal quotes, and no more than 100 of them. */
export function faultListOf(found: readonly PlacedFault[]): FaultList {
  const faults = found
    .toSorted(compare)
    .slice(0, faultsMax)
    .map(({ fault }) => quoteFault(fault));
  return { faults, ...(found.length > faultsMax && { hasMore: true }) };
}

/**
 * Makes the test whether a place overlaps with those of faults: where one stands at or above the other, the first one found says
 * enough.
 */
export function overlapWith(faults: readonly PlacedFault[]): (order: readonly number[]) => boolean {
  const at = new Set(faults.map(({ order }) => order.join()));
  const above = new Set(faults.flatMap(({ order }) => prefixesOf(order)));
  return (order) => above.has(order.join()) || prefixesOf(order).some((prefix) => at.has(prefix));
}

/** A place and all that it stands in, each by its positions joined. */
function prefixesOf(order: readonly number[]): string[] {
  return Array.from({ length: order.length + 1 }, (_, length) => order.slice(0, length).join());
}

function quoteFault(fault: Fault): Fault {
  return { ...fault, path: quotePath(fault.path) };
}

/** The most bytes that all names of a path take; what stands deeper is left out. */
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
