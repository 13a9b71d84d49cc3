import { ServerResponse, STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionEnd } from './connection.ts';
import type { Connections } from './connections.ts';
import { continueWhenRead } from './expectations.ts';

/** The HTTP/1.1 answers in flight of a server. */
export interface Http1Answers {
  /** From now on, closes each connection after its answer. */
  closeAll(): void;
  /** Closes the connections of now after their answers. */
  endOpen(): void;
}

/** Tracks the HTTP/1.1 answers of a server, and answers what is not a request. */
export function trackHttp1Answers(server: Server, connections: Connections): Http1Answers {
  const leaving = new WeakSet<ServerResponse>();
  const inFlight = new Set<ServerResponse>();
  let isClosing = false;
  const mayKeepAlive = (response: ServerResponse): boolean =>
    !isClosing && !leaving.has(response) && connections.of(response.req.socket)?.isEnding !== true;
  server.prependListener('request', (request, response) => {
    // Requests of HTTP/2 pass through here, too.
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
  // This server is not a proxy, and opens no tunnels.
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

/** How long a connection that is to end waits for a request, whose answer then announces the end. */
const lastRequestMs = 1_000;

/**
 * Ends a connection of HTTP/1.1 with the next answer whose headers have not been sent yet, which announces the end. A client may
 * be sending a request just now, which would be lost if the connection was closed at once.
 */
export function endOfHttp1(socket: Socket): ConnectionEnd {
  return {
    refuseCalls({ answers }) {
      for (const answer of answers) {
        if (answer instanceof ServerResponse) answer.shouldKeepAlive = false;
      }
    },
    close: () => void setTimeout(() => socket.destroySoon(), lastRequestMs).unref(),
  };
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Faults found by the HTTP/1.1 parser, by its error codes. */
const refusals: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'resource_exhausted', message: 'the headers are too large' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    code: 'resource_exhausted',
    message: 'the extensions of a chunk are too large',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'deadline_exceeded',
    message: 'the request did not arrive completely in time',
  },
};
const unreadable: Refusal = {
  status: 400,
  code: 'invalid_argument',
  message: 'the request is not readable as HTTP/1.1',
};
/** Also the answer to CONNECT. */
const unknownMethod: Refusal = {
  status: 501,
  code: 'unimplemented',
  message: 'this method is not known',
};

/** A method, a target and a version. The parser accepts only the methods that it knows. */
const requestLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} \S+ HTTP\/1\.[01]\r?\n/;

/** An error of the parser, with what it was reading. */
export interface ClientError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

/** The answer to what is not a request. Like every refusal, it quotes nothing of it. */
export function refusalOfClientError({ code = '', rawPacket }: ClientError): Refusal {
  const isUnknownMethod = code === 'HPE_INVALID_METHOD' && requestLine.test(rawPacket?.toString('latin1') ?? '');
  return isUnknownMethod ? unknownMethod : (refusals[code] ?? unreadable);
}

/** Formats such an answer as an HTTP/1.1 response that ends its connection. */
export function formatRefusal({ status, code, message }: Refusal): string {
  const body = JSON.stringify({ code, message });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `date: ${new Date().toUTCString()}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
