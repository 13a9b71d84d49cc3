import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { MasterKeyConfig } from '../../config/config.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';

const timeoutMs = 10_000;
const answerBytesMax = 65_536;

/** The server cannot answer now: it is unreachable, sealed, a standby or overloaded. */
export class TransitUnreachable extends Error {}

/** The server answered that it will not do it, or answered something else. The message quotes nothing of the answer. */
export class TransitRefusal extends Error {}

/** Wraps and unwraps the master key by the transit engine. It sends the token to this one URL only, and follows no redirect. */
export class TransitClient {
  readonly #settings: Extract<MasterKeyConfig, { kind: 'transit' }>;

  constructor(settings: Extract<MasterKeyConfig, { kind: 'transit' }>) {
    this.#settings = settings;
  }

  /** @param plaintext in base64 @returns the ciphertext, such as `vault:v1:…` */
  async encrypt(plaintext: string): Promise<string> {
    return this.#ask('encrypt', { plaintext }, 'ciphertext');
  }

  /** @returns the plaintext in base64 */
  async decrypt(ciphertext: string): Promise<string> {
    return this.#ask('decrypt', { ciphertext }, 'plaintext');
  }

  async #ask(operation: 'encrypt' | 'decrypt', body: JsonObject, member: string): Promise<string> {
    const { key, url } = this.#settings;
    const answer = await this.#post(`${url}/${operation}/${encodeURIComponent(key)}`, JSON.stringify(body));
    const data = isJsonObject(answer) ? answer['data'] : undefined;
    const value = data !== undefined && isJsonObject(data) ? data[member] : undefined;
    if (typeof value === 'string' && value !== '') return value;
    throw new TransitRefusal(`answered ${operation} without data.${member}`);
  }

  async #post(url: string, body: string): Promise<JsonValue> {
    const { promise, reject, resolve } = Promise.withResolvers<IncomingMessage>();
    const { authority, token } = this.#settings;
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = {
      'content-type': 'application/json',
      'x-vault-token': token,
      'content-length': Buffer.byteLength(body),
    };
    const options = { method: 'POST', headers, signal, agent: false, ...(authority !== null && { ca: authority }) };
    request(url, options, resolve).on('error', reject).end(body);
    try {
      const response = await promise;
      const text = await readBounded(response);
      const problem = problemOf(response.statusCode ?? 0);
      if (problem) throw problem;
      return parse(text);
    } catch (error) {
      if (error instanceof TransitRefusal || error instanceof TransitUnreachable) throw error;
      throw new TransitUnreachable(signal.aborted ? `no answer within ${timeoutMs / 1_000} s` : codeOf(error), {
        cause: error,
      });
    }
  }
}

/** Statuses after which another attempt may succeed. @see https://openbao.org/api-docs/#http-status-codes */
const temporary: Readonly<Record<number, string>> = {
  412: 'it has not the newest data yet',
  429: 'too many requests',
  472: 'it is a standby',
  473: 'it is a standby',
  500: 'it failed with status 500',
  502: 'its backend failed',
  503: 'it is sealed, or down for maintenance',
};

const refusals: Readonly<Record<number, string>> = {
  400: 'refused to do it (400): the key, or what it wrapped, is another one',
  403: 'refused the token of COFFER_TRANSIT_TOKEN (403)',
  404: 'has no such transit engine or key (404)',
};

function problemOf(status: number): Error | undefined {
  if (status === 200) return undefined;
  const wait = temporary[status];
  if (wait !== undefined) return new TransitUnreachable(wait);
  return new TransitRefusal(refusals[status] ?? `answered with status ${status}`);
}

/** Leaving the loop by an error closes the connection. */
async function readBounded(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new TransitRefusal(`answered more than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The message of the parser would quote the text. */
function parse(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    throw new TransitRefusal('answered something that is not JSON');
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'the connection failed';
}
