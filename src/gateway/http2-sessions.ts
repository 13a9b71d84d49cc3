import { constants } from 'node:http2';
import type { Http2Server, Http2Session, ServerHttp2Stream } from 'node:http2';

/** Knows the HTTP/2 sessions of a server, in order to end them. */
export interface Http2Sessions {
  /** Tells every client that no further stream will be taken (GOAWAY); those that are open may finish. */
  closeAll(): void;
  /** Tells the same to the clients of now alone. */
  endOpen(): void;
}

/** How long clients may take over HTTP/2. */
export interface Http2Patience {
  /** Without a byte on a session that has no stream. */
  readonly sessionIdleMs: number;
  /** Until all of a request has come. */
  readonly requestMs: number;
  /** Paths whose requests are not timed. */
  readonly untimedPaths: ReadonlySet<string>;
}

/** Follows a server's sessions, and ends those that have had no stream for a while, and requests that take too long. */
export function trackHttp2Sessions(server: Http2Server, patience: Http2Patience): Http2Sessions {
  const openStreams = new Map<Http2Session, number>();
  let isClosing = false;

  server.on('session', (session: Http2Session) => {
    openStreams.set(session, 0);
    session.once('close', () => openStreams.delete(session));
    // The timeout means that no byte moved; a quiet stream, such as a watch, is no reason to close.
    session.setTimeout(patience.sessionIdleMs, () => {
      if (openStreams.get(session) === 0) session.close();
    });
    if (isClosing) session.close();
  });
  server.on('stream', (stream: ServerHttp2Stream, { ':path': path }) => {
    if (path === undefined || !patience.untimedPaths.has(path)) cutSlowRequest(stream, patience.requestMs);
    const session = stream.session;
    if (!session) return;
    openStreams.set(session, (openStreams.get(session) ?? 0) + 1);
    stream.once('close', () => {
      const open = openStreams.get(session);
      if (open !== undefined) openStreams.set(session, open - 1);
    });
  });
  // A session's failure is its client's: the session is destroyed, and its calls are aborted by their streams.
  server.on('sessionError', (_error, session: Http2Session) => session.destroy());

  const endOpen = (): void => {
    for (const session of openStreams.keys()) session.close();
  };
  return {
    closeAll() {
      isClosing = true;
      endOpen();
    },
    endOpen,
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
