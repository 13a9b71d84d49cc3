import type { FastifyReply, FastifyRequest } from 'fastify';
import { constants, Http2ServerResponse } from 'node:http2';
import type { Logger } from 'pino';
import type { Connection } from '../port/connection.ts';
import { sendBody, writePart } from '../port/send-body.ts';
import type { Exchange } from '../contract/exchange.ts';
import { describeUnknownError } from '../errors/unknown-error.ts';
import type { ListAnswer } from './list-answer.ts';
import type { SpeltAnswer } from '../errors/rest-problems.ts';

/** Shorter bodies are handed over at once, with their headers. */
const plainBodyCharactersMax = 16_384;

/** Sends an answer; of a long one no more than the client takes is handed to the socket. */
export function sendAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, headers, body }: SpeltAnswer,
  connection?: Connection,
): void {
  reply
    .code(status)
    .headers({ ...headers })
    .type('application/json');
  const isHead = request.method === 'HEAD';
  if (isHead || body.length > plainBodyCharactersMax) reply.header('content-length', Buffer.byteLength(body));
  if (isHead || body.length <= plainBodyCharactersMax) {
    reply.send(body);
    return;
  }
  begin(reply);
  sendBody(reply.raw, body, connection);
}

/** What a list is sent with. */
export interface ListSending {
  readonly exchange: Exchange;
  /** Aborted when the call is given up. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * Sends a list as it is read, no faster than the client takes it. One that fails is cut off by a reset, so that no client takes
 * what it has for the whole.
 */
export async function sendList(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, headers, body, more }: ListAnswer & { readonly more: AsyncIterable<string> },
  { exchange, signal, log }: ListSending,
): Promise<void> {
  reply
    .code(status)
    .headers({ ...headers })
    .type('application/json');
  begin(reply);
  const { raw } = reply;
  if (request.method === 'HEAD') {
    raw.end();
    return;
  }
  try {
    await writePart(raw, body, signal);
    for await (const part of more) await writePart(raw, part, signal);
    raw.end();
  } catch (error) {
    const { requestId, found } = exchange;
    if (!raw.closed || !signal.aborted)
      log.warn({ requestId, route: found.route, error: describeUnknownError(error) }, 'a list was cut off');
    cutOff(reply, exchange.connection);
  }
}

/** Sends the headers past the web framework. */
function begin(reply: FastifyReply): void {
  // As the framework has it in its own answers.
  reply.type('application/json; charset=utf-8').hijack();
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value);
  reply.raw.statusCode = reply.statusCode;
}

function cutOff({ raw }: FastifyReply, connection: Connection | undefined): void {
  if (raw instanceof Http2ServerResponse) raw.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else if (connection) connection.reset();
  else raw.destroy();
}
