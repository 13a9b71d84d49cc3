import type { FastifyReply, FastifyRequest } from 'fastify';
import { constants, Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from 'node:http2';
import type { Connection } from '../port/connection.ts';
import { announcesBody, declaredBytes } from './request-body.ts';

/**
 * Disposes of the part of a body that is still arriving after the answer. On HTTP/1.1 the connection is closed if a part of the
 * body was read, because the rest would be taken for the next request; an untouched body is drained by Node within the request's
 * timeout. On HTTP/2 the rest is received and dropped, up to the limit of a body: a client whose stream is reset while it is
 * sending may lose the answer.
 */
export function drainUnreadBody({ raw }: FastifyRequest, reply: FastifyReply, bytesMax: number): void {
  if (raw instanceof Http2ServerRequest) {
    drainUnreadStream(raw.stream, bytesMax);
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

/** Drops the unread rest of an HTTP/2 stream once the answer has ended. */
export function drainUnreadStream(stream: ServerHttp2Stream, bytesMax: number): void {
  stream.once('finish', () => dropRest(stream, bytesMax));
}

function dropRest(stream: ServerHttp2Stream, bytesMax: number): void {
  if (stream.readableEnded || stream.destroyed) return;
  let dropped = 0;
  // The reader of the body has no use for the rest.
  stream.removeAllListeners('data');
  stream.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > bytesMax) stream.close(constants.NGHTTP2_NO_ERROR);
  });
  stream.resume();
}

/**
 * Handles the error that Node emits on a request whose client resets the connection. Connect removes its own listener once it
 * has answered; without any listener the error would end the process.
 */
export function ignoreClientReset({ raw }: FastifyRequest): void {
  raw.on('error', () => undefined);
}

/** Announces to an HTTP/1.1 client that its connection will be closed, if it will. */
export function sendConnectionClose({ raw }: FastifyRequest, reply: FastifyReply): void {
  if (raw.httpVersionMajor === 1 && !raw.complete && raw.readableDidRead) reply.header('connection', 'close');
}

/** Sends the headers of a reply past the web framework, which then no longer answers it. */
export function sendHeaders(reply: FastifyReply, headers: ReturnType<FastifyReply['getHeaders']>): void {
  reply.hijack();
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) reply.raw.setHeader(name, value);
  reply.raw.statusCode = reply.statusCode;
}

/** How an answer is broken off. */
export interface Abort {
  /** The error code that resets a stream of HTTP/2. */
  readonly http2Code?: number;
  /** Of HTTP/1.1: it is reset, so that the client does not take the part for the whole; without it, it is destroyed. */
  readonly connection?: Connection | undefined;
}

/** Breaks off an answer; if it has ended already, its connection is kept. */
export function abortResponse(
  reply: FastifyReply | undefined,
  { http2Code = constants.NGHTTP2_CANCEL, connection }: Abort = {},
): void {
  if (reply?.raw instanceof Http2ServerResponse) reply.raw.stream.close(http2Code);
  else if (connection) connection.reset();
  else reply?.raw.destroy();
}
