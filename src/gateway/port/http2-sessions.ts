import { constants } from 'node:http2';
import type { Http2Server, Http2Session, ServerHttp2Stream } from 'node:http2';
import type { ConnectionEnd } from './connection.ts';
import type { Connections } from './connections.ts';

/** The HTTP/2 sessions of a server. */
export interface Http2Sessions {
  /** From now on, refuses further streams on every session (GOAWAY); open streams may finish. */
  closeAll(): void;
  /** Does the same for the sessions of now. */
  endOpen(): void;
}

/** How long clients may take on HTTP/2. */
export interface Http2Patience {
  /** Without a stream on a session, even if its client sends pings or endless headers of a request. */
  readonly sessionIdleMs: number;
  /** Until a request is complete; also until an idle session has ended after GOAWAY. */
  readonly requestMs: number;
  /** Paths whose requests are not timed. */
  readonly untimedPaths: ReadonlySet<string>;
}

/** Tracks the sessions of a server, and ends sessions without a stream for too long, and requests that take too long. */
export function trackHttp2Sessions(
  server: Http2Server,
  connections: Connections,
  patience: Http2Patience,
): Http2Sessions {
  const streamCounts = new Map<Http2Session, StreamCount>();
  let isClosing = false;

  server.on('session', (session: Http2Session) => {
    streamCounts.set(session, countStreams(session, patience));
    session.once('close', () => streamCounts.delete(session));
    if (isClosing) session.close();
  });
  server.on('stream', (stream: ServerHttp2Stream, { ':path': path }) => {
    if (path === undefined || !patience.untimedPaths.has(path)) cutSlowRequest(stream, patience.requestMs);
    if (stream.session) streamCounts.get(stream.session)?.add(stream);
    const connection = connections.of(stream.session);
    connection?.begin(stream);
    stream.once('close', () => connection?.finish(stream));
  });
  // The client has broken the protocol: the session is destroyed, and its streams abort their calls.
  server.on('sessionError', (_error, session: Http2Session) => session.destroy());

  const endOpen = (): void => {
    for (const session of streamCounts.keys()) session.close();
  };
  return {
    closeAll() {
      isClosing = true;
      endOpen();
    },
    endOpen,
  };
}

/** How long a client has to receive GOAWAY before its connection is closed, in milliseconds. */
const goawayMs = 500;

/** Ends an HTTP/2 connection by GOAWAY, and closes it when no stream is left, even if the headers of another are arriving. */
export function endOfHttp2(session: Http2Session): ConnectionEnd {
  return {
    refuseCalls: () => session.close(),
    close: () => void setTimeout(() => session.destroy(), goawayMs).unref(),
  };
}

/** The open streams of one session. */
interface StreamCount {
  add(stream: ServerHttp2Stream): void;
}

/** Ends a session without a stream for too long. A silent stream, such as a watch, keeps its session. */
function countStreams(session: Http2Session, { sessionIdleMs, requestMs }: Http2Patience): StreamCount {
  let open = 0;
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    session.close();
    // Otherwise a session would wait for the headers of an unfinished request.
    timer = setTimeout(() => session.destroy(), requestMs);
  };
  const waitIfIdle = (): void => {
    if (open === 0 && !session.destroyed) timer = setTimeout(end, sessionIdleMs);
  };
  session.once('close', () => clearTimeout(timer));
  waitIfIdle();
  return {
    add(stream) {
      open += 1;
      clearTimeout(timer);
      stream.once('close', () => {
        open -= 1;
        waitIfIdle();
      });
    },
  };
}

/** Node has no request timeout for HTTP/2. */
function cutSlowRequest(stream: ServerHttp2Stream, requestMs: number): void {
  if (isRequestComplete(stream)) return;
  const timer = setTimeout(() => {
    if (!isRequestComplete(stream)) stream.close(constants.NGHTTP2_CANCEL);
  }, requestMs);
  stream.once('close', () => clearTimeout(timer));
}

function isRequestComplete({ state }: ServerHttp2Stream): boolean {
  return state.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE;
}
