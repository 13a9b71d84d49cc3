import type { Http2Server, Http2Session, ServerHttp2Stream } from 'node:http2';

/** Knows the HTTP/2 sessions of a server, in order to end them. */
export interface Http2Sessions {
  /** Tells every client that no further stream will be taken (GOAWAY); those that are open may finish. */
  closeAll(): void;
}

/** Follows a server's sessions, and closes those that have had no stream for a while. */
export function trackHttp2Sessions(server: Http2Server, idleMs: number): Http2Sessions {
  const openStreams = new Map<Http2Session, number>();
  let isClosing = false;

  server.on('session', (session: Http2Session) => {
    openStreams.set(session, 0);
    session.once('close', () => openStreams.delete(session));
    // The timeout means that no byte moved; a quiet stream, such as a watch, is no reason to close.
    session.setTimeout(idleMs, () => {
      if (openStreams.get(session) === 0) session.close();
    });
    if (isClosing) session.close();
  });
  server.on('stream', (stream: ServerHttp2Stream) => {
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

  return {
    closeAll() {
      isClosing = true;
      for (const session of openStreams.keys()) session.close();
    },
  };
}
