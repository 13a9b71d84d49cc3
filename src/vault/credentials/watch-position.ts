import { timeOfId } from '../ids.ts';
import type { ReachedEvent, ResumedPosition, StreamPosition } from './change-events.ts';
import { invalidArgument } from '../errors.ts';

/** How much older the id of an event may be than its commit, in milliseconds; this includes differences of clocks. */
export const lateMs = 60_000;

/** More streams do not fit into a token of 1,024 characters. */
const streamsOfTokenMax = 38;

interface Reached {
  readonly sequence: number;
  /** The time in the id of the event. */
  readonly atMs: number;
}

/**
 * What a watch has delivered. The events of a stream become visible in the order of their numbers, so that one number for each
 * stream is sufficient. A stream is forgotten when nothing is read again that is as old as its last event; an event of such a
 * stream is delivered whatever its number.
 */
export class WatchPosition {
  readonly #workspace: string;
  readonly #streams = new Map<string, Reached>();
  /** Everything that was visible then and is not younger has been delivered. */
  #completeMs: number;

  constructor(workspaceId: string, completeMs: number, reached: readonly ReachedEvent[]) {
    this.#workspace = digitsOf(workspaceId);
    this.#completeMs = completeMs;
    for (const event of reached) this.deliver(event);
  }

  /** The oldest time in the ids of events that are not delivered yet. */
  get sinceMs(): number {
    return this.#completeMs - lateMs;
  }

  /** The last delivered event of each stream. */
  get delivered(): readonly StreamPosition[] {
    return Array.from(this.#streams, ([stream, { sequence }]) => ({ stream, sequence }));
  }

  /** Whether all undelivered events of a stream have ids of this time or later. */
  isCompleteBefore(stream: string, timeMs: number): boolean {
    return (this.#streams.get(stream)?.atMs ?? 0) >= timeMs;
  }

  /** Records that all events of the stream up to this one have been delivered. */
  deliver({ stream, sequence, eventId }: ReachedEvent): void {
    const before = this.#streams.get(stream);
    if (before && before.sequence >= sequence) return;
    // The newest stream is the last one.
    this.#streams.delete(stream);
    this.#streams.set(stream, { sequence, atMs: Math.max(timeOfId(eventId), before?.atMs ?? 0) });
  }

  /** Records that everything has been delivered that was visible at a time, and forgets streams. */
  complete(timeMs: number): void {
    this.#completeMs = Math.max(this.#completeMs, timeMs);
    for (const [stream, { atMs }] of this.#streams) {
      // The last one shows later whether the trail still has what was delivered.
      if (this.#streams.size === 1) return;
      if (atMs < this.sinceMs) this.#streams.delete(stream);
    }
  }

  /** Serializes the position. */
  get token(): string {
    const streams = [...this.#streams].slice(-streamsOfTokenMax).map(([stream, { sequence }]) => {
      return `${toBase36(digitsOf(stream))}-${sequence.toString(36)}`;
    });
    return ['w', this.#completeMs.toString(36), toBase36(this.#workspace), ...streams].join('.');
  }
}

const tokenPattern = /^w\.([0-9a-z]{1,9})\.([0-9a-z]{1,13})((?:\.[0-9a-z]{1,13}-[0-9a-z]{1,11})*)$/;

/**
 * Parses a token of an earlier item.
 *
 * @throws VaultError `invalid_argument` for any other text, and for the token of another workspace
 */
export function parseWatchToken(workspaceId: string, token: string): ResumedPosition {
  const [, time = '', workspace = '', streams = ''] = tokenPattern.exec(token) ?? [];
  if (time === '') throw invalidArgument('resume_token', 'must be the token of an earlier message');
  if (fromBase36(workspace) !== digitsOf(workspaceId)) throw invalidArgument('resume_token', 'is of another workspace');
  const entries = streams.split('.').slice(1);
  const sequences = new Map(
    entries.map((entry): [string, number] => {
      const [stream = '', sequence = ''] = entry.split('-');
      return [fromBase36(stream), Number.parseInt(sequence, 36)];
    }),
  );
  if (![...sequences].every(isPosition)) {
    throw invalidArgument('resume_token', 'must be the token of an earlier message');
  }
  return { time: new Date(Number.parseInt(time, 36)), sequences };
}

function isPosition([stream, sequence]: readonly [string, number]): boolean {
  return stream.length === 16 && Number.isSafeInteger(sequence);
}

/** The last 16 hex digits of an id. */
function digitsOf(id: string): string {
  return id.slice(-17).replace('-', '');
}

function toBase36(hexDigits: string): string {
  return BigInt(`0x${hexDigits}`).toString(36);
}

function fromBase36(text: string): string {
  let value = 0n;
  for (const digit of text) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  return value.toString(16).padStart(16, '0');
}
