import { ServerResponse, type Server } from 'node:http';

/** Knows the HTTP/1.1 answers in flight of a server, in order to close their connections behind them. */
export interface Http1Answers {
  /** Keeps no connection behind an answer from now on. */
  closeAll(): void;
  /** Keeps none of those of now. */
  endOpen(): void;
}

/** Follows a server's HTTP/1.1 answers. */
export function trackHttp1Answers(server: Server): Http1Answers {
  const leaving = new WeakSet<ServerResponse>();
  const inFlight = new Set<ServerResponse>();
  let isClosing = false;
  server.prependListener('request', (_request, response) => {
    // Requests of HTTP/2 pass here, too.
    if (!(response instanceof ServerResponse)) return;
    response.shouldKeepAlive &&= !isClosing;
    inFlight.add(response);
    response.once('close', () => {
      inFlight.delete(response);
      if (isClosing || leaving.has(response)) setImmediate(() => server.closeIdleConnections());
    });
  });
  return {
    closeAll() {
      isClosing = true;
      for (const response of inFlight) response.shouldKeepAlive = false;
    },
    endOpen() {
      for (const response of inFlight) {
        response.shouldKeepAlive = false;
        leaving.add(response);
      }
      server.closeIdleConnections();
    },
  };
}
