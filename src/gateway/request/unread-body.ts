import type { FastifyReply, FastifyRequest } from 'fastify';
import { constants, Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from 'node:http2';
import { announcesBody, declaredBytes } from './request-body.ts';

/**
 * Ends what a client is still sending when it has been answered. On HTTP/1.1 a body of which a part was read would stand in the
 * way of the next request on the connection, and that one would hang; one that nobody began to read is drained by Node, within
 * the time that a request may take. On HTTP/2 the rest is let in and dropped, since a client whose stream is reset while it is
 * still sending may lose the answer; but no more of it than a request may have.
 */
export function closeBehindUnreadBody({ raw }: FastifyRequest, reply: FastifyReply, bytesMax: number): void {
  if (raw instanceof Http2ServerRequest) {
    dropUnreadBody(raw.stream, bytesMax);
    return;
  }
  if (!announcesBody(raw)) return;
  if (declaredBytes(raw) > bytesMax) reply.header('connection', 'close');
  // The request loses its socket when the answer has ended.
  const { socket } = raw;
  reply.raw.once('finish', () => {
    if (!raw.complete && raw.readableDidRead) socket.destroySoon();
  });
}

/**
 * Keeps a client that breaks off from ending the process: Node tells a request of it as an error once somebody listens, and
 * does so although whoever listened has stopped by then, as Connect does as soon as it has answered.
 */
export function endureBreakingOff({ raw }: FastifyRequest): void {
  raw.on('error', () => undefined);
}

/** Does so for a stream of HTTP/2. */
export function dropUnreadBody(stream: ServerHttp2Stream, bytesMax: number): void {
  stream.once('finish', () => dropRest(stream, bytesMax));
}

function dropRest(stream: ServerHttp2Stream, bytesMax: number): void {
  if (stream.readableEnded || stream.destroyed) return;
  let dropped = 0;
  // Whoever read it until now wants no more.
  stream.removeAllListeners('data');
  stream.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > bytesMax) stream.close(constants.NGHTTP2_NO_ERROR);
  });
  stream.resume();
}

/** Tells an HTTP/1.1 client that its connection will be closed, where it must. */
export function announceClosing({ raw }: FastifyRequest, reply: FastifyReply): void {
  if (raw.httpVersionMajor === 1 && !raw.complete && raw.readableDidRead) reply.header('connection', 'close');
}

/** Cuts an answer off whose client takes nothing more of it; of one that has ended, the connection is left alone. */
export function cutOff(reply: FastifyReply | undefined): void {
  if (reply?.raw instanceof Http2ServerResponse) reply.raw.stream.close(constants.NGHTTP2_CANCEL);
  else reply?.raw.destroy();
}
