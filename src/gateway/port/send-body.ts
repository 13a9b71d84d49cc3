import type { Writable } from 'node:stream';
import { hold, type Connection } from './connection.ts';

/** The most bytes passed to a socket at once, so that the progress of a slow client with a long answer is visible. */
const pieceBytes = 65_536;

/** Ends an answer with its body, which is passed to the socket only as fast as the client takes it. */
export function sendBody(answer: BodyTarget, body: string | Uint8Array, connection: Connection | undefined): void {
  if (body.length <= pieceBytes) answer.end(body);
  else sendInPieces(answer, Buffer.from(body), connection);
}

type BodyTarget = Pick<Writable, 'write' | 'end' | 'once'>;

function sendInPieces(answer: BodyTarget, body: Buffer, connection: Connection | undefined): void {
  let sent = 0;
  const sendNext = (): void => {
    for (;;) {
      const piece = body.subarray(sent, sent + pieceBytes);
      sent += piece.length;
      hold({ connection }, -piece.length);
      if (sent === body.length) return void answer.end(piece);
      if (!answer.write(piece)) return void answer.once('drain', sendNext);
    }
  };
  hold({ connection }, body.length);
  answer.once('close', () => {
    hold({ connection }, sent - body.length);
    sent = body.length;
  });
  sendNext();
}

/**
 * Writes a part of an answer, only as fast as the client takes it.
 *
 * @throws Error if the client goes away or the signal is aborted
 */
export async function writePart(answer: Writable, part: string, signal: AbortSignal): Promise<void> {
  const bytes = Buffer.from(part);
  for (let sent = 0; sent < bytes.length; sent += pieceBytes) {
    signal.throwIfAborted();
    if (!answer.write(bytes.subarray(sent, sent + pieceBytes))) await drained(answer, signal);
  }
}

function drained(answer: Writable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      answer.off('drain', onDrain).off('close', onClose);
      signal.removeEventListener('abort', onClose);
    };
    const onDrain = (): void => {
      stop();
      resolve();
    };
    const onClose = (): void => {
      stop();
      reject(new Error('the answer is no longer wanted', { cause: signal.reason }));
    };
    answer.on('drain', onDrain).on('close', onClose);
    signal.addEventListener('abort', onClose);
    if (signal.aborted || answer.closed) onClose();
  });
}
