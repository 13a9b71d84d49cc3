import { randomFillSync } from 'node:crypto';
import type { RandomSource } from '../vault/ids.ts';

/**
 * The operating system's CSPRNG, read in larger amounts, because each read costs about 2 µs. Every byte is used once and is then
 * wiped from the pool.
 */
export class RandomPool implements RandomSource {
  readonly #pool: Uint8Array<ArrayBuffer>;
  #used: number;

  /** @param poolBytes how many bytes each read takes */
  constructor(poolBytes = 4096) {
    this.#pool = new Uint8Array(poolBytes);
    this.#used = poolBytes;
  }

  take(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.#pool.length) return randomFillSync(new Uint8Array(length));
    if (this.#used + length > this.#pool.length) this.#refill();
    const end = this.#used + length;
    const bytes = this.#pool.slice(this.#used, end);
    this.#pool.fill(0, this.#used, end);
    this.#used = end;
    return bytes;
  }

  #refill(): void {
    randomFillSync(this.#pool);
    this.#used = 0;
  }
}
