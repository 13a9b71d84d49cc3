import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { callTimeoutMs, type Caller } from './caller.ts';

/** A request, as HTTP/1.1 has it. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly token?: string;
  readonly body?: string;
}

/** Makes the request of a number. */
export type RequestOf = (number: number) => HttpRequest;

type Waiting = { readonly resolve: (body: Buffer) => void; readonly reject: (error: Error) => void };

const headEnd = '\r\n\r\n';
const chunksEnd = Buffer.from('\r\n0\r\n\r\n');

/**
 * A connection that is kept alive. It is written on the socket itself, so that the load takes as little as it can of the
 * processors that it shares with what is measured.
 */
export class HttpCaller implements Caller {
  readonly #socket: Socket;
  readonly #host: string;
  readonly #requestOf: RequestOf;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;

  private constructor(socket: Socket, host: string, requestOf: RequestOf) {
    this.#socket = socket;
    this.#host = host;
    this.#requestOf = requestOf;
    socket.setNoDelay(true);
    socket.setTimeout(callTimeoutMs, () => this.#fail('no answer came in time'));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => this.#fail('the connection broke'));
    socket.on('close', () => this.#fail('the server closed the connection'));
  }

  static async open(origin: string, requestOf: RequestOf): Promise<HttpCaller> {
    const { hostname, port, host } = new URL(origin);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new HttpCaller(socket, host, requestOf);
  }

  call(number: number): Promise<Buffer> {
    const request = this.#requestOf(number);
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const failed = (error: Error) => reject(new Error(`${request.method} ${request.path}: ${error.message}`));
    this.#waiting = { resolve, reject: failed };
    if (this.#socket.destroyed) this.#fail('the connection is closed');
    else this.#socket.write(textOf(request, this.#host));
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const bodyAt = this.#received.indexOf(headEnd) + headEnd.length;
    if (bodyAt < headEnd.length) return;
    const head = this.#received.toString('latin1', 0, bodyAt);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const isWhole =
      length === undefined
        ? this.#received.subarray(-chunksEnd.length).equals(chunksEnd)
        : this.#received.length >= bodyAt + Number(length);
    if (isWhole) this.#finish(head, this.#received.subarray(bodyAt));
  }

  #finish(head: string, body: Buffer): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#received = Buffer.alloc(0);
    const status = head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length);
    if (status.startsWith('2')) waiting?.resolve(body);
    else waiting?.reject(new Error(`it was answered ${status}`));
  }

  #fail(message: string): void {
    this.#waiting?.reject(new Error(message));
    this.#waiting = undefined;
    this.#socket.destroy();
  }
}

function textOf({ method, path, token, body }: HttpRequest, host: string): string {
  const authorization = token === undefined ? '' : `authorization: Bearer ${token}\r\n`;
  const content =
    body === undefined ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${authorization}${content}\r\n${body ?? ''}`;
}
