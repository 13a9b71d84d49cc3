import type { Clock } from './time.ts';

/** The prefixes of short ids, which miniflow's clients use: a prefix and the last 16 hex digits of the UUID. */
const shortIdPrefixes = { credential: 'CRD-', workspace: 'WSP-', user: 'USR-' } as const;

export type ShortIdKind = keyof typeof shortIdPrefixes;

/** A resource by its id, or by the last 16 hex digits of it in upper case. */
export type Reference = { readonly id: string } | { readonly shortId: string };

/** The UUID of all zeros, which no record has. @see https://www.rfc-editor.org/rfc/rfc9562#section-5.9 */
export const nilUuid = '00000000-0000-0000-0000-000000000000';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const shortIdPattern = /^[0-9A-F]{16}$/;

/** The last 8 bytes of an id as 16 upper-case hex digits, without a prefix. */
export function shortIdOf(id: string): string {
  return id.slice(-17).replace('-', '').toUpperCase();
}

/** Formats a short id, such as `CRD-8F00112233445566`. */
export function formatShortId(kind: ShortIdKind, id: string): string {
  return shortIdPrefixes[kind] + shortIdOf(id);
}

/** Parses a UUID in upper or lower case. Undefined for any other text: the resource is absent. */
export function parseId(text: string): string | undefined {
  const lower = text.toLowerCase();
  return uuidPattern.test(lower) ? lower : undefined;
}

/** Parses a UUID or a short id. Undefined for any other text: the resource is absent. */
export function parseReference(kind: ShortIdKind, text: string): Reference | undefined {
  const id = parseId(text);
  if (id !== undefined) return { id };
  const prefix = shortIdPrefixes[kind];
  const shortId = text.slice(prefix.length);
  return text.startsWith(prefix) && shortIdPattern.test(shortId) ? { shortId } : undefined;
}

/** Whether a reference is to the resource with this id. */
export function refersTo(reference: Reference, id: string): boolean {
  return 'id' in reference ? reference.id === id : reference.shortId === shortIdOf(id);
}

/**
 * Formats a UUIDv7: 48 bits of Unix milliseconds, then random bits.
 *
 * @param random 10 bytes from a CSPRNG
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.7
 */
export function uuidV7(timeMs: number, random: Uint8Array): string {
  const head = Math.floor(timeMs / 2 ** 16);
  const tail = timeMs % 2 ** 16;
  // One call for all characters takes a third of the time of concatenation; every call needs ids.
  // prettier-ignore
  return String.fromCharCode(
    high(head >>> 24), low(head >>> 24), high(head >>> 16), low(head >>> 16),
    high(head >>> 8), low(head >>> 8), high(head), low(head), dash,
    high(tail >>> 8), low(tail >>> 8), high(tail), low(tail), dash,
    version, high(random[0]), low(random[0]), high(random[1]), dash,
    digit(variant | ((random[1] ?? 0) & 0x3)), high(random[2]), low(random[2]), high(random[3]), dash,
    low(random[3]), high(random[4]), low(random[4]), high(random[5]), low(random[5]), high(random[6]), low(random[6]),
    high(random[7]), low(random[7]), high(random[8]), low(random[8]), high(random[9]),
  );
}

/** The time in a UUIDv7, in Unix milliseconds. */
export function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

const dash = 0x2d;
const version = 0x37;
const variant = 0x8;

/** The character of a byte's first hex digit. */
function high(byte = 0): number {
  return digit((byte >>> 4) & 0xf);
}

/** The character of a byte's second hex digit. */
function low(byte = 0): number {
  return digit(byte & 0xf);
}

function digit(value: number): number {
  return value < 10 ? 0x30 + value : 0x57 + value;
}

/** Generates UUIDv7 ids in ascending order within a process. */
export interface IdSource {
  next(): string;
}

/** Provides random bytes: a CSPRNG in production, fixed bytes for test vectors. */
export interface RandomSource {
  /** A fresh array that the caller owns and may wipe. */
  take(length: number): Uint8Array<ArrayBuffer>;
}

const counterMax = 0xfff;

/** Half of the counter's range stays free at the start of a millisecond for the ids that follow in it. */
const counterStartMask = 0x7ff;

/**
 * UUIDv7 ids in ascending order within the process, even while the clock stands still or goes back. The 12 bits after the time
 * are a counter that starts at a random value in each millisecond; if it overflows, the time runs ahead of the clock. The last
 * 62 bits are random, so that no id can be guessed from another one.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-6.2 method 1
 */
export class MonotonicUuidV7 implements IdSource {
  readonly #clock: Clock;
  readonly #random: RandomSource;
  #timeMs = 0;
  #counter = 0;

  constructor({ clock, random }: { clock: Clock; random: RandomSource }) {
    this.#clock = clock;
    this.#random = random;
  }

  next(): string {
    const random = this.#random.take(10);
    const view = new DataView(random.buffer);
    const head = view.getUint16(0);
    this.#advance(head >> 4);
    view.setUint16(0, (this.#counter << 4) | (head & 0xf));
    return uuidV7(this.#timeMs, random);
  }

  #advance(start: number): void {
    const nowMs = this.#clock.now().getTime();
    const sameMillisecond = nowMs <= this.#timeMs;
    if (sameMillisecond && this.#counter < counterMax) {
      this.#counter += 1;
      return;
    }
    this.#timeMs = sameMillisecond ? this.#timeMs + 1 : nowMs;
    this.#counter = start & counterStartMask;
  }
}
