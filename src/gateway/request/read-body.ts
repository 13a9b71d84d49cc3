import type { Readable } from 'node:stream';

/** Assembles a body, and may refuse it at any piece. */
export interface BodyReader {
  /** Takes the next piece. */
  add(piece: Buffer): void;
  /** Returns what the pieces were. */
  end(): Uint8Array;
}

/**
 * Reads a body to its end.
 *
 * @throws the error by which the reader refuses it, or the signal's reason once the signal is aborted
 */
export function readBody(body: Readable, reader: BodyReader, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      body.off('data', onData).off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown): void => {
      stop();
      // The rest of the body is dropped once the answer is on its way.
      body.pause();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason);
    const onData = (piece: Buffer): void => {
      try {
        reader.add(piece);
      } catch (error) {
        fail(error);
      }
    };
    const onEnd = (): void => {
      try {
        resolve(reader.end());
        stop();
      } catch (error) {
        fail(error);
      }
    };
    signal.addEventListener('abort', onAbort);
    body.on('data', onData).on('end', onEnd);
    if (signal.aborted) onAbort();
  });
}

/** Reads a body that consists of its message and nothing else. */
export class WholeBody implements BodyReader {
  readonly #bytesMax: number;
  readonly #tooLarge: (bytesMax: number) => Error;
  readonly #pieces: Buffer[] = [];
  #length = 0;

  /**
   * @param declared how many bytes the request declares; 0 if it declares no length
   * @param tooLarge makes the error for more than `bytesMax` bytes
   * @throws the error, where `declared` is too many
   */
  constructor(bytesMax: number, declared: number, tooLarge: (bytesMax: number) => Error) {
    this.#bytesMax = bytesMax;
    this.#tooLarge = tooLarge;
    this.#check(declared);
  }

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
    if (bytes > this.#bytesMax) throw this.#tooLarge(this.#bytesMax);
  }
}
