import type { Socket } from 'node:net';

/** What a connection in clear speaks, as its first bytes tell. */
export type SpokenProtocol = 'http1' | 'http2';

const http2Preface = Buffer.from('PRI');

/**
 * Waits for a connection's first bytes, puts them back, and hands the connection over, paused. A connection that stays
 * silent longer than the timeout, ends or fails before is destroyed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-3.4
 */
export function awaitFirstBytes(
  socket: Socket,
  timeoutMs: number,
  handOver: (protocol: SpokenProtocol, socket: Socket) => void,
): void {
  let seen = Buffer.alloc(0);
  const timer = setTimeout(abandon, timeoutMs);
  socket.on('data', onData).on('error', abandon).on('end', abandon).on('close', stopWaiting);

  function onData(chunk: Buffer): void {
    seen = Buffer.concat([seen, chunk]);
    const protocol = protocolOf(seen);
    if (protocol === undefined) return;
    stopWaiting();
    socket.pause();
    socket.unshift(seen);
    handOver(protocol, socket);
  }
  function abandon(): void {
    stopWaiting();
    socket.destroy();
  }
  function stopWaiting(): void {
    clearTimeout(timer);
    socket.off('data', onData).off('error', abandon).off('end', abandon).off('close', stopWaiting);
    // Between the hand-over and the new owner's own listener, and after a destroy, an error must not be uncaught.
    socket.once('error', () => socket.destroy());
  }
}

/** Undefined as long as the bytes could still become either. */
function protocolOf(seen: Buffer): SpokenProtocol | undefined {
  const length = Math.min(seen.length, http2Preface.length);
  if (!seen.subarray(0, length).equals(http2Preface.subarray(0, length))) return 'http1';
  return length === http2Preface.length ? 'http2' : undefined;
}
