import type { Message } from '@bufbuild/protobuf';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { cutOff } from '../request/unread-body.ts';
import { writePart } from '../port/send-body.ts';
import { untilAborted } from '../request/until-aborted.ts';
import type { OpenStreams } from '../admission/open-streams.ts';
import type { BoundStream, EventDescription, RpcCall } from '../contract/bound-rpc.ts';

/** How soon a client may connect again, and how often a silent stream shows that it is alive, in milliseconds. */
const retryMs = 2_000;
const heartbeatMs = 15_000;
/** For how long a stream that was given up may tell its client why, in milliseconds. */
const lastWordsMs = 500;

/** What an event stream is opened with. */
export interface EventStreamOpening {
  readonly rpc: BoundStream;
  readonly message: Message;
  /** Its signal is aborted when the client goes away. */
  readonly call: RpcCall;
  readonly openStreams: OpenStreams;
  /** Rejects where the caller could not open the stream anew. */
  readonly ask: () => Promise<unknown>;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  readonly write: (message: Message) => string;
  /** Renders what the stream ended with, as JSON. */
  readonly refuse: (error: unknown, givenUp: AbortSignal) => Promise<string>;
}

/** A stream of server-sent events that has begun. */
export interface EventStream {
  readonly texts: AsyncIterable<string>;
  /** Aborted when the stream is given up. */
  readonly givenUp: AbortSignal;
}

/**
 * Opens a stream, and waits for its first message, so that what fails at once is answered as a refusal.
 *
 * @throws what the stream throws before its first message
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function openEventStream(opening: EventStreamOpening): Promise<EventStream> {
  const { call, message, openStreams, rpc, stopping } = opening;
  const open = openStreams.add(opening.ask);
  const signal = AbortSignal.any([call.signal, open.signal, stopping]);
  const messages = untilAborted(signal, rpc.invoke(message, { ...call, signal }));
  try {
    const first = await messages.next();
    return { texts: textsOf(opening, { first, messages, signal, end: open.end }), givenUp: signal };
  } catch (error) {
    open.end();
    throw open.signal.aborted ? open.signal.reason : error;
  }
}

interface Begun {
  readonly first: IteratorResult<Message>;
  readonly messages: AsyncGenerator<Message>;
  readonly signal: AbortSignal;
  readonly end: () => void;
}

async function* textsOf(
  { refuse, rpc, write }: EventStreamOpening,
  { end, first, messages, signal }: Begun,
): AsyncGenerator<string> {
  const format = (message: Message) => formatEvent(rpc.describeEvent(message), write(message));
  try {
    yield `retry: ${retryMs}\n\n`;
    if (first.done !== true) yield format(first.value);
    for await (const message of messages) yield format(message);
  } catch (error) {
    yield formatEvent({ event: 'error' }, await refuse(error, signal));
  } finally {
    end();
    await messages.return(undefined);
  }
}

/** JSON has no line breaks outside of its strings, and none unescaped in them. */
function formatEvent({ event, id }: EventDescription, data: string): string {
  const lines = [id !== undefined && `id: ${id}`, event !== undefined && `event: ${event}`, `data: ${data}`];
  return `${lines.filter(Boolean).join('\n')}\n\n`;
}

/** Sends a stream no faster than its client takes it; of one that is given up, the client is told why if it reads on. */
export async function sendEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  { givenUp, texts }: EventStream,
  gone: AbortSignal,
): Promise<void> {
  const { raw } = reply;
  const iterator = texts[Symbol.asyncIterator]();
  reply.header('content-type', 'text/event-stream; charset=utf-8').header('x-accel-buffering', 'no').hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  raw.statusCode = reply.statusCode;
  const heartbeat = setInterval(() => raw.writableNeedDrain || raw.write(':\n\n'), heartbeatMs);
  const limit = (): void => void setTimeout(() => raw.writableFinished || cutOff(reply), lastWordsMs).unref();
  givenUp.addEventListener('abort', limit, { once: true });
  try {
    if (request.method !== 'HEAD') {
      for await (const text of { [Symbol.asyncIterator]: () => iterator }) await writePart(raw, text, gone);
    }
    raw.end();
  } catch {
    // Nobody is there any more.
    cutOff(reply);
  } finally {
    clearInterval(heartbeat);
    givenUp.removeEventListener('abort', limit);
    await iterator.return?.();
  }
}
