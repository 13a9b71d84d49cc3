import { ServerResponse, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { formatRefusal, refusalOfClientError, unknownMethod, type ClientError } from './client-errors.ts';
import type { ConnectionEnd } from './connection.ts';
import type { Connections } from './connections.ts';
import { continueWhenRead } from './expectations.ts';

/** Knows the HTTP/1.1 answers in flight of a server, in order to close their connections behind them. */
export interface Http1Answers {
  /** Keeps no connection behind an answer from now on. */
  closeAll(): void;
  /** Keeps none of those of now. */
  endOpen(): void;
}

/** Follows a server's HTTP/1.1 answers, and gives those that no request gets: to what is none. */
export function trackHttp1Answers(server: Server, connections: Connections): Http1Answers {
  const leaving = new WeakSet<ServerResponse>();
  const inFlight = new Set<ServerResponse>();
  let isClosing = false;
  const mayKeepAlive = (response: ServerResponse): boolean =>
    !isClosing && !leaving.has(response) && connections.of(response.req.socket)?.isEnding !== true;
  server.prependListener('request', (request, response) => {
    // Requests of HTTP/2 pass here, too.
    if (!(response instanceof ServerResponse)) return;
    const connection = connections.of(request.socket);
    response.shouldKeepAlive &&= mayKeepAlive(response);
    inFlight.add(response);
    connection?.begin(response);
    response.once('close', () => {
      inFlight.delete(response);
      connection?.finish(response);
      if (isClosing || leaving.has(response)) setImmediate(() => server.closeIdleConnections());
    });
  });
  continueWhenRead(server, mayKeepAlive);
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

/** How a connection of HTTP/1.1 ends: with the answer in flight, which says so where its headers have not been sent yet. */
export function endOfHttp1(socket: Socket): ConnectionEnd {
  return {
    refuseCalls({ answers }) {
      for (const answer of answers) {
        if (answer instanceof ServerResponse) answer.shouldKeepAlive = false;
      }
    },
    close: () => socket.destroySoon(),
  };
}
