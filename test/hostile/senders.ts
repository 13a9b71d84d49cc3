import { once } from 'node:events';
import { Agent, request as requestHttp } from 'node:http';
import { connect, type ClientHttp2Session } from 'node:http2';

/** A request of any protocol, over HTTP/1.1, or over HTTP/2 where it is gRPC's. */
export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** How it was answered. */
export interface HostileAnswer {
  /** HTTP's. */
  readonly status: number;
  /** gRPC's, where it has one. */
  readonly grpcStatus: string | undefined;
  readonly bytesIn: number;
  /** Headers and trailers, with the body. */
  readonly bytesOut: number;
  /** The beginning of the body. */
  readonly text: string;
}

/** Sends requests to one server, one connection a protocol, with as little work as can be. */
export class HostileSender {
  readonly #origin: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #session: ClientHttp2Session | undefined;

  constructor(origin: string) {
    this.#origin = origin;
  }

  send(request: HostileRequest): Promise<HostileAnswer> {
    const { 'content-type': contentType = '' } = request.headers;
    const isGrpc = contentType.startsWith('application/grpc') && !contentType.startsWith('application/grpc-web');
    return isGrpc ? this.#sendHttp2(request) : this.#sendHttp1(request);
  }

  close(): void {
    this.#agent.destroy();
    this.#session?.destroy();
  }

  async #sendHttp1(request: HostileRequest): Promise<HostileAnswer> {
    const { method, path, headers, body } = request;
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const { hostname, port } = new URL(this.#origin);
    const sent = requestHttp({ agent: this.#agent, hostname, port, method, path, headers: { ...headers, ...length } });
    const answered = Promise.withResolvers<HostileAnswer>();
    // The server may close a connection while its next request is on the way.
    sent.on('error', (error) =>
      sent.reusedSocket ? answered.resolve(this.#sendHttp1(request)) : answered.reject(error),
    );
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', answered.reject);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      const answer = () => {
        const head = { ...response.headers, ...response.trailers };
        answered.resolve(answerOf(request, response.statusCode, head, chunks));
      };
      response.on('end', answer);
      if (method !== 'GET' || response.headers['content-type']?.startsWith('text/event-stream') !== true) return;
      // Such a stream may never end, and REST has no deadline.
      response.once('data', () => {
        answer();
        response.destroy();
      });
    });
    sent.end(body);
    return answered.promise;
  }

  async #sendHttp2(request: HostileRequest): Promise<HostileAnswer> {
    const session = await this.#open();
    const { method, path, headers, body } = request;
    const stream = session.request({ ':method': method, ':path': path, te: 'trailers', ...headers });
    const head: Record<string, unknown> = {};
    const chunks: Buffer[] = [];
    stream.on('response', (more) => Object.assign(head, more));
    stream.on('trailers', (more) => Object.assign(head, more));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.end(body);
    await once(stream, 'close');
    return answerOf(request, Number(head[':status']), head, chunks);
  }

  async #open(): Promise<ClientHttp2Session> {
    const known = this.#session;
    if (known && !known.destroyed && !known.closed) return known;
    const session = connect(this.#origin);
    session.on('error', () => undefined);
    await once(session, 'connect');
    this.#session = session;
    return session;
  }
}

function answerOf(
  { method, path, headers, body = '' }: HostileRequest,
  status: number | undefined,
  head: Readonly<Record<string, unknown>>,
  chunks: readonly Buffer[],
): HostileAnswer {
  const bytes = Buffer.concat(chunks);
  return {
    status: status ?? 0,
    grpcStatus: typeof head['grpc-status'] === 'string' ? head['grpc-status'] : undefined,
    bytesIn: method.length + path.length + bytesOf(headers) + Buffer.byteLength(body),
    bytesOut: bytesOf(head) + bytes.length,
    text: bytes.subarray(0, 2_000).toString(),
  };
}

function bytesOf(headers: Readonly<Record<string, unknown>>): number {
  return Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
}
