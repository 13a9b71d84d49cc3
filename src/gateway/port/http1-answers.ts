import { ServerResponse, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { formatRefusal, refusalOfClientError, unknownMethod, type ClientError } from './client-errors.ts';
import { continueWhenRead } from './expectations.ts';

/** Knows the HTTP/1.1 answers in flight of a server, in order to close their connections behind them. */
export interface Http1Answers {
  /** Keeps no connection behind an answer from now on. */
  closeAll(): void;
  /** Keeps none of those of now. */
  endOpen(): void;
}

/** Follows a server's HTTP/1.1 answers, and gives those that no request gets: to what is none. */
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
  continueWhenRead(server, (response) => !isClosing && !leaving.has(response));
  // A tunnel is none of this server's business.
  server.on('connect', (_request, socket: Duplex) => socket.end(formatRefusal(unknownMethod)));
  server.on('clientError', (error: ClientError, socket: Duplex) => {
    const isAnswering = [...inFlight].some((response) => response.socket === socket && response.headersSent);
    if (!socket.writable || isAnswering || error.code === 'ECONNRESET') socket.destroy();
    else socket.end(formatRefusal(refusalOfClientError(error)), () => socket.destroy());
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
