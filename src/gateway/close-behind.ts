import type { FastifyReply, FastifyRequest } from 'fastify';
import { Http2ServerRequest, constants } from 'node:http2';
import { declaredBytes } from './request-body.ts';

/**
 * Ends what a client is still sending when it has been answered: on HTTP/1.1 the rest of a body that is too large, or of
 * unknown length, would stand in the way of the next request, and that one would hang; on HTTP/2 it would keep the stream.
 */
export function closeBehindUnreadBody({ raw }: FastifyRequest, reply: FastifyReply, bytesMax: number): void {
  if (raw instanceof Http2ServerRequest) {
    const { stream } = raw;
    reply.raw.once('finish', () => {
      if (!raw.complete) stream.close(constants.NGHTTP2_NO_ERROR);
    });
    return;
  }
  const isTooLarge = declaredBytes(raw) > bytesMax;
  if (isTooLarge) reply.header('connection', 'close');
  if (!isTooLarge && raw.headers['transfer-encoding'] === undefined) return;
  // The request loses its socket when the answer has ended.
  const { socket } = raw;
  reply.raw.once('finish', () => {
    if (!raw.complete) socket.destroySoon();
  });
}
