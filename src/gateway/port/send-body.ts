import type { Writable } from 'node:stream';
import type { Connection } from './connection.ts';

/** As much as is handed to a socket at once, so that a slow client shows that it takes some of a long answer. */
const pieceBytes = 65_536;

/** Ends an answer with its body, which is handed over no faster than the client takes it. */
export function sendBody(
  answer: Pick<Writable, 'write' | 'end' | 'once'>,
  body: string | Uint8Array,
  connection: Connection | undefined,
): void {
  if (body.length <= pieceBytes) {
    answer.end(body);
    return;
  }
  sendInPieces(answer, Buffer.from(body), connection);
}

function sendInPieces(
  answer: Pick<Writable, 'write' | 'end' | 'once'>,
  body: Buffer,
  connection: Connection | undefined,
): void {
  let sent = 0;
  const hold = (bytes: number): void => {
    if (connection) connection.heldBytes += bytes;
  };
  const sendNext = (): void => {
    for (;;) {
      const piece = body.subarray(sent, sent + pieceBytes);
      sent += piece.length;
      hold(-piece.length);
      if (sent === body.length) return void answer.end(piece);
      if (!answer.write(piece)) return void answer.once('drain', sendNext);
    }
  };
  hold(body.length);
  answer.once('close', () => {
    hold(sent - body.length);
    sent = body.length;
  });
  sendNext();
}

/**
 * Writes a part of an answer, no faster than the client takes it.
 *
 * @throws Error where the client goes away, or the signal is aborted
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
