import { uuidV7 } from '../vault/ids.ts';
import type { Clock, IdSource } from '../vault/ports.ts';
import type { RandomSource } from './random.ts';

const counterMax = 0xfff;

/** Half of the counter's range, kept free at the start of a millisecond for the ids that follow in it. */
const counterStartMask = 0x7ff;

/**
 * UUIDv7 ids that rise within the process, also while the clock stands or goes back: the 12 bits behind the time are a
 * counter, which starts at random in each millisecond; where it overflows, the time runs ahead of the clock. The last 62
 * bits are always random, so that ids can't be guessed from one another.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-6.2 method 1
 */
export class RisingIds implements IdSource {
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
