import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { CofferError, InvalidArgumentError, UnavailableError } from '../errors/errors.ts';
import type { CofferOptions } from '../options.ts';
import { parseUrl } from '../transport/endpoint.ts';
import { version } from '../version.ts';
import { errorOfResponse } from './json-errors.ts';
import { isRecord, type Json, type JsonRecord, type VaultCalls, type VaultMethod } from './vault-calls.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

const defaultTimeoutMs = 10_000;
/** Well above the 4 MiB that the server answers a batch with. */
const bodyBytesMax = 32 * 1024 * 1024;

/**
 * Calls in Connect's JSON over `node:http`. `fetch`, and the clients that are made with it, take longer to load than such a
 * call takes, and `coffer run` comes before every start of a program.
 *
 * @see https://connectrpc.com/docs/protocol#unary-request
 */
export class JsonCalls implements VaultCalls {
  readonly workspace: string;
  readonly #options: CofferOptions;

  constructor(options: CofferOptions) {
    this.#options = options;
    this.workspace = options.workspace ?? 'default';
  }

  async call(method: VaultMethod, request: JsonRecord): Promise<JsonRecord> {
    const url = new URL(`${parseUrl(this.#options.url)}/coffer.v1.${method}`);
    const timeoutMs = this.#options.timeoutMs ?? defaultTimeoutMs;
    const { status, body } = await post(url, JSON.stringify(request), await this.#headers(timeoutMs), timeoutMs);
    const answer = parse(body);
    if (status === 200 && isRecord(answer)) return answer;
    throw errorOfResponse(status, answer);
  }

  async #headers(timeoutMs: number): Promise<Record<string, string>> {
    const { token } = this.#options;
    const text = typeof token === 'function' ? await token() : token;
    // The error of an invalid header would quote it.
    if (text && !/^[\x21-\x7e]+$/.test(text)) {
      throw new InvalidArgumentError('token: visible ASCII characters are required', { code: 'invalid_argument' });
    }
    return {
      'content-type': 'application/json',
      'connect-protocol-version': '1',
      'connect-timeout-ms': String(timeoutMs),
      'user-agent': `coffer/${version}`,
      ...(text && { authorization: `Bearer ${text}` }),
    };
  }
}

async function post(url: URL, body: string, headers: Record<string, string>, timeoutMs: number): Promise<Answer> {
  const options = { method: 'POST', headers, signal: AbortSignal.timeout(timeoutMs) };
  try {
    const request = requestOf(url, options);
    request.end(body);
    return await answerOf(request);
  } catch (error) {
    throw error instanceof CofferError ? error : failureOf(url, error);
  }
}

/** An import would load all that the modules export lazily, among it the client that this one avoids. */
function requestOf(url: URL, options: RequestOptions): ClientRequest {
  return url.protocol === 'https:'
    ? process.getBuiltinModule('node:https').request(url, options)
    : process.getBuiltinModule('node:http').request(url, options);
}

async function answerOf(request: ClientRequest): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.once('response', resolve).once('error', reject);
  const response = await promise;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size > bodyBytesMax)
      throw new CofferError('the response is larger than 32 MiB', { code: 'resource_exhausted' });
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') };
}

function failureOf({ origin }: URL, error: unknown): UnavailableError {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new UnavailableError(`${origin} did not respond in time`, { code: 'deadline_exceeded' });
  }
  const code = error instanceof Error && 'code' in error ? `: ${String(error.code)}` : '';
  return new UnavailableError(`${origin} cannot be reached${code}`, { code: 'unavailable', cause: error });
}

function parse(body: string): Json | undefined {
  try {
    const json: Json = JSON.parse(body);
    return json;
  } catch {
    // The error would quote the body, which may have secrets.
    return undefined;
  }
}
