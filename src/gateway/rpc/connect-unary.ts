import { toBinary, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus, codeToString, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import type { FastifyReply, FastifyRequest } from 'fastify';
import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import type { Dialect } from '../contract/dialect.ts';
import type { Exchange } from '../contract/exchange.ts';
import { createJsonWriters, type JsonWriter, type JsonWriters } from '../messages/json-writer.ts';
import { createJsonMessageReader } from '../messages/message-readers.ts';
import { hold } from '../port/connection.ts';
import { sendBody } from '../port/send-body.ts';
import type { CallRegistry } from '../request/call-registry.ts';
import { readBody, WholeBody } from '../request/read-body.ts';
import { declaredBytes } from '../request/request-body.ts';
import { headersByName } from '../request/request-headers.ts';
import { sendConnectionClose } from '../request/unread-body.ts';
import { undecodable } from './connect-corrections.ts';
import { createRequestJson } from './request-json.ts';
import { answerHeaders, jsonOptionsOf, type RpcAttempt, type RpcService, type ServedRpc } from './rpc-service.ts';

/** The wire format of the messages of one rpc. */
interface Codec {
  readonly read: (bytes: Uint8Array) => Message;
  readonly write: (message: Message) => UnaryAnswer['body'];
}

interface CompiledRpc {
  readonly served: ServedRpc;
  /** By content type. */
  readonly codecs: Readonly<Record<string, Codec>>;
}

/** The answer of an rpc before it is sent. */
interface UnaryAnswer {
  readonly status: number;
  /** Besides those of every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** A string is sent in one piece with the headers. */
  readonly body: string | Uint8Array;
  /** The bytes reserved for it on its connection until it is sent. */
  readonly heldBytes?: number;
}

/**
 * Answers the usual unary calls of Connect clients: POST with JSON or protobuf, unary framing, no compression. All other calls
 * go to Connect's router.
 *
 * @see https://connectrpc.com/docs/protocol#unary-request
 * @see docs/decisions/0019-unary-calls-past-connect.md for the figures and the price
 */
export class ConnectUnary {
  readonly #rpcs: RpcService;
  readonly #calls: CallRegistry;
  readonly #compiledByPath: ReadonlyMap<string, CompiledRpc>;

  constructor(rpcs: RpcService, calls: CallRegistry) {
    this.#rpcs = rpcs;
    this.#calls = calls;
    const compile = createCompiler();
    this.#compiledByPath = new Map([...rpcs.served.values()].map((served) => [`/${served.name}`, compile(served)]));
  }

  /** Takes a request and begins to answer it; returns false, without side effects, for a request that it does not support. */
  take(request: FastifyRequest, reply: FastifyReply, exchange: Exchange): boolean {
    const { headers, url } = request.raw;
    const compiled = this.#compiledByPath.get(url ?? '');
    const contentType = headers['content-type'] ?? '';
    if (!compiled || request.method !== 'POST' || !Object.hasOwn(compiled.codecs, contentType)) return false;
    const codec = compiled.codecs[contentType];
    const timeoutMs = timeoutOf(headers);
    if (!codec || timeoutMs === undefined || (headers['content-encoding'] ?? 'identity') !== 'identity') return false;
    const { served } = compiled;
    Object.assign(exchange.found, { protocol: 'connect', rpc: served.name, route: served.name });
    const { signal } = this.#calls.beginWith(reply, timeoutMs);
    const attempt = { served, exchange, protocol: 'connect', headers: headersByName(headers), signal };
    // Fastify answers unexpected errors.
    this.#answer(request, attempt, codec)
      .then((answer) => send(request, reply, { contentType, exchange, ...answer }))
      .catch((error: unknown) => void reply.send(error));
    return true;
  }

  async #answer({ raw }: FastifyRequest, attempt: RpcAttempt, codec: Codec): Promise<UnaryAnswer> {
    const { bytesMax, dialect } = attempt.served;
    try {
      const answer = await this.#rpcs.call(attempt, async () => {
        const bytes = new WholeBody(bytesMax, declaredBytes(raw), messageTooLarge);
        return codec.read(await readBody(raw, bytes, attempt.signal));
      });
      const body = codec.write(answer);
      this.#rpcs.checkRoom(attempt.exchange, body.length);
      hold(attempt.exchange, body.length);
      const headers = answerHeaders(attempt.served, attempt.exchange);
      return { status: 200, headers, body, heldBytes: body.length };
    } catch (error) {
      return refusalOf(await this.#rpcs.refusalOf(error, attempt), attempt.exchange, dialect);
    }
  }
}

function messageTooLarge(bytesMax: number): ConnectError {
  return new ConnectError(`the message is larger than ${bytesMax} bytes`, Code.ResourceExhausted);
}

/** Sends without Fastify, which would add a charset to JSON, which clients do not expect, and send bytes in a separate piece. */
function send(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: UnaryAnswer & { readonly contentType: string; readonly exchange: Exchange },
): void {
  const { status, headers, contentType, body, exchange, heldBytes = 0 } = answer;
  hold(exchange, -heldBytes);
  sendConnectionClose(request, reply);
  reply.hijack();
  const all = {
    ...reply.getHeaders(),
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    ...headers,
  };
  reply.raw.statusCode = status;
  for (const [name, value] of Object.entries(all)) if (value !== undefined) reply.raw.setHeader(name, value);
  sendBody(reply.raw, body, exchange.connection);
}

function refusalOf(error: ConnectError, { found }: Exchange, dialect: Dialect): UnaryAnswer {
  found.code = codeToString(error.code);
  const body = errorToJsonBytes(error, jsonOptionsOf(dialect));
  return {
    status: codeToHttpStatus(error.code),
    headers: { ...Object.fromEntries(error.metadata), 'content-type': 'application/json' },
    body,
  };
}

/** Compiles each message type once per dialect. */
function createCompiler(): (served: ServedRpc) => CompiledRpc {
  const writers = new Map<Dialect, JsonWriters>();
  return (served) => {
    const { dialect, rpc } = served;
    const { names } = dialect.rest.json;
    const ofDialect =
      writers.get(dialect) ??
      // The rules of proto3 JSON.
      createJsonWriters({ names, unset: 'omit', int64: 'string', timestamp: 'rfc3339' });
    writers.set(dialect, ofDialect);
    const codecs = {
      'application/json': jsonCodec(served, ofDialect.ofMessage(rpc.method.output)),
      'application/proto': binaryCodec(served),
    };
    return { served, codecs };
  };
}

function jsonCodec({ dialect, rpc }: ServedRpc, write: JsonWriter): Codec {
  const { input } = rpc.method;
  const readMessage = createJsonMessageReader(input, jsonOptionsOf(dialect));
  const requestJson = createRequestJson(input);
  return {
    read(bytes) {
      try {
        return readMessage(requestJson.parse(bytes));
      } catch (error) {
        throw error instanceof ConnectError ? error : undecodable(input, error);
      }
    },
    write,
  };
}

function binaryCodec({ rpc, readBinary }: ServedRpc): Codec {
  const { input, output } = rpc.method;
  return {
    read(bytes) {
      try {
        return readBinary(bytes);
      } catch (error) {
        throw undecodable(input, error);
      }
    },
    write: (message) => toBinary(output, message),
  };
}

/** The timeout of a call in milliseconds: Infinity without one, undefined for an invalid one. */
function timeoutOf({ 'connect-timeout-ms': timeout }: IncomingHttpHeaders): number | undefined {
  if (timeout === undefined) return Infinity;
  assert(typeof timeout === 'string');
  return /^\d{1,10}$/.test(timeout) ? Number(timeout) : undefined;
}
