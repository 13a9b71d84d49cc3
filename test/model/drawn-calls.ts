import { type Arbitrary, array, boolean, constantFrom, nat, record, tuple } from 'fast-check';
import { secretContents, type CallerName, type ModelCall, type ModelState, type Operation } from './model-state.ts';

/** A call as it is drawn, before it is known which credentials exist. */
export interface DrawnCall {
  readonly caller: CallerName;
  readonly operation: Operation;
  /** Which of the few credentials of a run. */
  readonly slot: number;
  /** Which of the servers. */
  readonly server: number;
  /** Whether it is made at the same time as the call before it. */
  readonly isJoined: boolean;
  readonly etag: 'none' | 'any' | 'current' | 'stale';
  /** Which of the few ids that a run has for requests. */
  readonly requestId: 'none' | 'first' | 'second';
  readonly version: number;
  readonly otherVersion: number;
  readonly content: ModelCall['content'];
  readonly name: string;
  readonly provider: string;
  readonly showDeleted: boolean;
}

/** The credentials that a run works with, by their slots. */
export const slotCount = 3;
/** Larger groups have too many orders to try. */
const joinedMax = 3;
const absentId = '018cc251-f400-7abc-8def-0000000000ff';

const drawnCaller = weighted<CallerName>(
  ['ADMIN', 5],
  ['EDITOR', 3],
  ['WRITER', 2],
  ['SCOPED', 2],
  ['RUNTIME', 1],
  ['VIEWER', 1],
);

/** @param weights how often each operation is drawn, the simplest first */
export function drawnCalls(weights: readonly (readonly [Operation, number])[], length: number): Arbitrary<DrawnCall[]> {
  const drawn = record({
    caller: drawnCaller,
    operation: weighted(...weights),
    slot: nat({ max: slotCount - 1 }),
    server: nat({ max: 1 }),
    isJoined: weighted(['after', 3], ['with', 2]).map((drawnAs) => drawnAs === 'with'),
    etag: weighted<DrawnCall['etag']>(['none', 5], ['current', 3], ['any', 1], ['stale', 1]),
    requestId: weighted<DrawnCall['requestId']>(['none', 6], ['first', 1], ['second', 1]),
    version: constantFrom(0, 1, 1, 1, 2, 2, 2, 3),
    otherVersion: nat({ max: 3 }),
    content: constantFrom(...secretContents),
    name: constantFrom('one', 'two'),
    provider: weighted(['within', 4], ['beyond', 1]),
    showDeleted: boolean(),
  });
  const free = array(drawn, { minLength: length - slotCount, maxLength: length - slotCount });
  const first = tuple(...Array.from({ length: slotCount }, (_, slot) => drawn.map((call) => creationIn(call, slot))));
  return tuple(first, free).map(([creations, calls]) => creations.concat(calls));
}

/** A run begins with a credential in each slot. */
function creationIn(call: DrawnCall, slot: number): DrawnCall {
  return { ...call, caller: 'ADMIN', operation: 'create', slot };
}

/** @param weights how often each value is drawn, the simplest first */
function weighted<Value extends string>(...weights: readonly (readonly [Value, number])[]): Arbitrary<Value> {
  return constantFrom(...weights.flatMap(([value, weight]) => Array.from({ length: weight }, () => value)));
}

/** Groups of calls that are made at the same time. */
export function groupsOf(calls: readonly DrawnCall[]): readonly (readonly DrawnCall[])[] {
  const groups: DrawnCall[][] = [];
  for (const call of calls) {
    const last = groups.at(-1);
    if (last && call.isJoined && last.length < joinedMax) last.push(call);
    else groups.push([call]);
  }
  return groups;
}

/** What a run knows when it makes a call. */
export interface RunState {
  /** The ids of the credentials in the slots. */
  readonly slots: readonly (string | undefined)[];
  readonly requestIds: Readonly<Record<'first' | 'second', string>>;
  readonly state: ModelState;
}

/** The call that was drawn, about the credential that is in its slot. */
export function callOf(drawn: DrawnCall, { slots, requestIds, state }: RunState): ModelCall {
  const id = slots[drawn.slot] ?? absentId;
  const { etag: kind, requestId, slot: _slot, server: _server, isJoined: _isJoined, ...call } = drawn;
  const current = String(state.credentials[id]?.revision ?? 1);
  const etag = { none: undefined, any: '*', current, stale: '0' }[kind];
  return {
    ...call,
    id,
    ...(etag !== undefined && { etag }),
    ...(requestId !== 'none' && mayRepeat(drawn) && { requestId: requestIds[requestId] }),
  };
}

/** A key with a scope may have lost its credential when it repeats a request. */
function mayRepeat({ caller, operation }: DrawnCall): boolean {
  return caller !== 'SCOPED' && !withoutRequestId.has(operation);
}

const withoutRequestId: ReadonlySet<Operation> = new Set(['get', 'listVersions', 'reveal', 'compare', 'previewUpdate']);
