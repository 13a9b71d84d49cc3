import type { Message } from '@bufbuild/protobuf';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OpenStreams } from '../admission/open-streams.ts';
import type { BoundStream, EventDescription, RpcCall } from '../contract/bound-rpc.ts';
import { writePart } from '../port/send-body.ts';
import { itemsUntilAborted } from '../request/call-registry.ts';
import { abortResponse, sendHeaders } from '../request/unread-body.ts';

/** After how many milliseconds a client reconnects. */
const retryMs = 2_000;
/** How often a stream without events sends a comment to show that it is alive, in milliseconds. */
const heartbeatMs = 15_000;
/** How long an aborted stream may take to send its error, in milliseconds. */
const errorDeliveryMs = 500;

/** What an event stream is opened with. */
export interface EventStreamOpening {
  readonly rpc: BoundStream;
  readonly message: Message;
  /** Its signal is aborted when the client goes away. */
  readonly call: RpcCall;
  readonly openStreams: OpenStreams;
  /** Rejects if the caller could not open the stream again. */
  readonly reauthorize: () => Promise<unknown>;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  readonly write: (message: Message) => string;
  /** Renders the error that ends the stream, as JSON; the signal is that of the stream. */
  readonly refuse: (error: unknown, signal: AbortSignal) => Promise<string>;
}

/** A stream of server-sent events that has begun. */
export interface EventStream {
  readonly texts: AsyncIterable<string>;
  /** Aborted when the stream must end early. */
  readonly signal: AbortSignal;
}

/**
 * Opens a stream and waits for its first message, so that an early failure becomes a refusal.
 *
 * @throws the error of the stream before its first message
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function openEventStream(opening: EventStreamOpening): Promise<EventStream> {
  const { call, message, openStreams, rpc, stopping } = opening;
  const open = openStreams.add(opening.reauthorize);
  const signal = AbortSignal.any([call.signal, open.signal, stopping]);
  const messages = itemsUntilAborted(signal, rpc.invoke(message, { ...call, signal }));
  try {
    const first = await messages.next();
    return { texts: textsOf(opening, { first, messages, signal, end: open.end }), signal };
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

/** Sends a stream only as fast as its client takes it. An aborted stream still sends its error if the client keeps reading. */
export async function sendEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  { signal, texts }: EventStream,
  gone: AbortSignal,
): Promise<void> {
  const { raw } = reply;
  const iterator = texts[Symbol.asyncIterator]();
  reply.header('content-type', 'text/event-stream; charset=utf-8').header('x-accel-buffering', 'no');
  sendHeaders(reply, reply.getHeaders());
  const heartbeat = setInterval(() => raw.writableNeedDrain || raw.write(':\n\n'), heartbeatMs);
  const abortSoon = (): void =>
    void setTimeout(() => raw.writableFinished || abortResponse(reply), errorDeliveryMs).unref();
  signal.addEventListener('abort', abortSoon, { once: true });
  try {
    if (request.method !== 'HEAD') {
      for await (const text of { [Symbol.asyncIterator]: () => iterator }) await writePart(raw, text, gone);
    }
    raw.end();
  } catch {
    // The client has gone away.
    abortResponse(reply);
  } finally {
    clearInterval(heartbeat);
    signal.removeEventListener('abort', abortSoon);
    await iterator.return?.();
  }
}
