import type { Message } from '@bufbuild/protobuf';
import type { FastifyReply, FastifyRequest } from 'fastify';
import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import type { Logger } from 'pino';
import type { Exchange } from '../contract/exchange.ts';
import type { SerializedAnswer } from '../errors/rest-problems.ts';
import { describeUnknownError } from '../errors/unknown-error.ts';
import type { Connection } from '../port/connection.ts';
import { sendBody, writePart } from '../port/send-body.ts';
import { abortResponse, sendHeaders } from '../request/unread-body.ts';
import type { EventStream } from './event-stream.ts';

/** Shorter bodies are sent at once, with their headers. */
const plainBodyCharactersMax = 16_384;

/** Sends an answer. A long body is passed to the socket only as fast as the client takes it. */
export function sendAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: SerializedAnswer,
  connection?: Connection,
): void {
  const { body } = answer;
  begin(reply, answer);
  const isHead = request.method === 'HEAD';
  if (isHead || body.length > plainBodyCharactersMax) reply.header('content-length', Buffer.byteLength(body));
  if (isHead || body.length <= plainBodyCharactersMax) {
    reply.send(body);
    return;
  }
  sendJsonHeaders(reply);
  sendBody(reply.raw, body, connection);
}

/** Serializes an answer whose list comes in parts. */
export interface ListWriter {
  /** The elements of a part, separated by commas; empty if it has none. */
  readonly elements: (part: Message) => string;
  /** The answer with a part's other members and an empty list, divided where the elements belong. */
  readonly frame: (part: Message) => { readonly before: string; readonly after: string };
}

/** An answer that may be longer than its body. */
export interface ListAnswer extends SerializedAnswer {
  /** What follows the body, as it is read. If it throws, the answer must be aborted. */
  readonly more?: AsyncIterable<string>;
  /** Server-sent events instead of a body. */
  readonly events?: EventStream;
  /** Bytes that its connection accounts for until it is sent. */
  readonly heldBytes?: number;
}

/** Reads one part ahead, so that a list of one part is sent whole and an early failure becomes a refusal. */
export async function answerList(
  answer: Omit<ListAnswer, 'body' | 'more'>,
  parts: AsyncGenerator<Message>,
  writer: ListWriter,
): Promise<ListAnswer> {
  const first = await parts.next();
  assert(first.done !== true, 'a list has at least one part');
  const second = await parts.next();
  const { before, after } = writer.frame(first.value);
  const elements = writer.elements(first.value);
  if (second.done === true) return { ...answer, body: before + elements + after };
  const rest = { second: second.value, parts, isBegun: elements !== '' };
  return { ...answer, body: before + elements, more: restOf(rest, writer) };
}

interface Rest {
  readonly second: Message;
  readonly parts: AsyncGenerator<Message>;
  /** Whether an element precedes. */
  readonly isBegun: boolean;
}

async function* restOf({ second, parts, isBegun }: Rest, writer: ListWriter): AsyncGenerator<string> {
  let hasElements = isBegun;
  let last = second;
  try {
    for (;;) {
      const elements = writer.elements(last);
      if (elements !== '') yield hasElements ? `,${elements}` : elements;
      hasElements ||= elements !== '';
      const next = await parts.next();
      if (next.done === true) break;
      last = next.value;
    }
    yield writer.frame(last).after;
  } finally {
    // The client may have gone away.
    await parts.return(undefined);
  }
}

/** What sending a list needs. */
export interface ListSending {
  readonly exchange: Exchange;
  /** Aborted when the call is. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * Sends a list while it is read, only as fast as the client takes it. If reading fails, the answer is reset, so that no client
 * takes the part for the whole.
 */
export async function sendList(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: ListAnswer & { readonly more: AsyncIterable<string> },
  { exchange, signal, log }: ListSending,
): Promise<void> {
  begin(reply, answer);
  sendJsonHeaders(reply);
  const { raw } = reply;
  if (request.method === 'HEAD') {
    raw.end();
    return;
  }
  try {
    await writePart(raw, answer.body, signal);
    for await (const part of answer.more) await writePart(raw, part, signal);
    raw.end();
  } catch (error) {
    const { requestId, found, connection } = exchange;
    if (!raw.closed || !signal.aborted)
      log.warn({ requestId, route: found.route, error: describeUnknownError(error) }, 'a list was cut off');
    abortResponse(reply, { http2Code: constants.NGHTTP2_INTERNAL_ERROR, connection });
  }
}

function begin(reply: FastifyReply, { status, headers }: SerializedAnswer): void {
  reply
    .code(status)
    .headers({ ...headers })
    .type('application/json');
}

function sendJsonHeaders(reply: FastifyReply): void {
  // The web framework names the charset in its own answers.
  reply.type('application/json; charset=utf-8');
  sendHeaders(reply, reply.getHeaders());
}
