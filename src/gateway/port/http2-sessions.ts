import { constants } from 'node:http2';
import type { Http2Server, Http2Session, ServerHttp2Stream } from 'node:http2';
import type { ConnectionEnd } from './connection.ts';
import type { Connections } from './connections.ts';

/** Knows the HTTP/2 sessions of a server, in order to end them. */
export interface Http2Sessions {
  /** Tells every client that no further stream will be taken (GOAWAY); those that are open may finish. */
  closeAll(): void;
  /** Tells the same to the clients of now alone. */
  endOpen(): void;
}

/** How long clients may take over HTTP/2. */
export interface Http2Patience {
  /** Without a stream on a session, whatever else its client sends: pings, or a request's headers that never end. */
  readonly sessionIdleMs: number;
  /** Until all of a request has come; and until a session has ended that was told to for being idle. */
  readonly requestMs: number;
  /** Paths whose requests are not timed. */
  readonly untimedPaths: ReadonlySet<string>;
}

/** Follows a server's sessions, and ends those that have had no stream for a while, and requests that take too long. */
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
  // A session's failure is its client's: the session is destroyed, and its calls are aborted by their streams.
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

/** For how long a client may take GOAWAY before its connection is closed, in milliseconds. */
const lastWordsMs = 500;

/** How a connection of HTTP/2 ends: by GOAWAY, and at once when no stream is left, even amid the headers of another. */
export function endOfHttp2(session: Http2Session): ConnectionEnd {
  return {
    refuseCalls: () => session.close(),
    close: () => void setTimeout(() => session.destroy(), lastWordsMs).unref(),
  };
}

/** The open streams of one session. */
interface StreamCount {
  add(stream: ServerHttp2Stream): void;
}

/** Ends a session that has no stream for too long; a quiet stream, such as a watch, is no reason to. */
function countStreams(session: Http2Session, { sessionIdleMs, requestMs }: Http2Patience): StreamCount {
  let open = 0;
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    session.close();
    // One in the midst of a request's headers would wait for them.
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

/** HTTP/2 has no timeout of its own for this. */
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
