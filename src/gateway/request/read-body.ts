import type { Readable } from 'node:stream';

/** Puts a body together, and may refuse it at any piece. */
export interface BodyReader {
  /** Takes the next piece. */
  add(piece: Buffer): void;
  /** Answers what the pieces were. */
  end(): Uint8Array;
}

/**
 * Reads a body to its end, or until the call is given up.
 *
 * @throws whatever the reader refuses it with, or the signal's reason
 */
export function readBody(body: Readable, reader: BodyReader, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      body.off('data', onData).off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
    };
    const orStop = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        stop();
        // What is still to come is dropped once the answer is on its way.
        body.pause();
        reject(error);
      }
    };
    const onData = (piece: Buffer): void => orStop(() => reader.add(piece));
    const onEnd = (): void =>
      orStop(() => {
        resolve(reader.end());
        stop();
      });
    const onAbort = (): void => orStop(() => signal.throwIfAborted());
    signal.addEventListener('abort', onAbort);
    body.on('data', onData).on('end', onEnd);
    if (signal.aborted) onAbort();
  });
}
