import { Code, ConnectError } from '@connectrpc/connect';
import type { BodyReader } from './read-body.ts';

/** Puts together a body that is nothing but its message. */
export class BodyBytes implements BodyReader {
  readonly #bytesMax: number;
  readonly #pieces: Buffer[] = [];
  #length = 0;

  /**
   * @param declared how many bytes the request says it has; 0 where it does not say
   * @throws ConnectError `resource_exhausted` where those are too many
   */
  constructor(bytesMax: number, declared: number) {
    this.#bytesMax = bytesMax;
    this.#check(declared);
  }

  /** @throws ConnectError `resource_exhausted` where there is more than allowed */
  add(piece: Buffer): void {
    this.#length += piece.length;
    this.#check(this.#length);
    this.#pieces.push(piece);
  }

  end(): Uint8Array {
    const [first] = this.#pieces;
    return first && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces, this.#length);
  }

  #check(bytes: number): void {
    if (bytes > this.#bytesMax) {
      throw new ConnectError(`the message is larger than ${this.#bytesMax} bytes`, Code.ResourceExhausted);
    }
  }
}
