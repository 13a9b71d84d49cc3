import { setTimeout as delay } from 'node:timers/promises';
import {
  PermissionDeniedError,
  RateLimitedError,
  UnauthenticatedError,
  UnavailableError,
} from '../../errors/errors.ts';
import { isJsonObject, parseJson, type JsonObject } from '../reading/json.ts';
import type { VaultAccess } from './vault-access.ts';

const timeoutMs = 10_000;
const attemptsMax = 4;
const firstDelayMs = 200;

/** A dialect has refused one call, for a reason that concerns only what was sent. */
export class RefusedCallError extends Error {
  override readonly name = 'RefusedCallError';
  readonly status: number;
  /** The code that MiniFlow's errors have. */
  readonly code: string | undefined;

  constructor(message: string, { status, code }: { status: number; code: string | undefined }) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The JSON of a response. */
export interface DialectAnswer {
  readonly body: unknown;
  /** Whether it is that of an earlier request under the same request id. */
  readonly isReplayed: boolean;
}

/** Calls the REST paths of a dialect. */
export class DialectCalls {
  readonly #access: VaultAccess;

  constructor(access: VaultAccess) {
    this.#access = access;
  }

  /** Reads. @throws as `post` */
  async get(path: string): Promise<unknown> {
    return (await this.#send(path, { method: 'GET', headers: this.#headers() })).body;
  }

  /**
   * Creates. Its attempts have one request id, so that it is stored once.
   *
   * @param path with the prefix of its dialect, such as `/flowise/api/v1/credentials/`
   * @throws RefusedCallError, or an error of the library that concerns all calls
   */
  async post(path: string, { body, requestId }: { body: JsonObject; requestId: string }): Promise<DialectAnswer> {
    const headers = { ...this.#headers(), 'content-type': 'application/json', 'idempotency-key': requestId };
    return this.#send(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  #headers(): Readonly<Record<string, string>> {
    const { token } = this.#access;
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** Sends a call, and repeats it while the vault is away or busy. */
  async #send(path: string, request: RequestInit): Promise<DialectAnswer> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.#attempt(path, request);
      if (response?.ok) {
        const isReplayed = response.headers.get('idempotent-replayed') === 'true';
        return { body: parseJson(await response.text()), isReplayed };
      }
      if (response && !isPassing(response.status)) throw await errorOf(response);
      if (attempt === attemptsMax) throw exhausted(response);
      await delay(delayMs(response, attempt));
    }
  }

  /** One attempt; undefined where there was no response. */
  async #attempt(path: string, request: RequestInit): Promise<Response | undefined> {
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      return await fetch(this.#access.url + path, { ...request, redirect: 'error', signal });
    } catch {
      return undefined;
    }
  }
}

/** Whether the same call may succeed later. */
function isPassing(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

function delayMs(response: Response | undefined, attempt: number): number {
  const seconds = Number(response?.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 && seconds * 1000 <= timeoutMs
    ? seconds * 1000
    : firstDelayMs * 2 ** (attempt - 1);
}

function exhausted(response: Response | undefined): Error {
  return response?.status === 429
    ? new RateLimitedError('the vault allows no more calls now', { code: 'resource_exhausted' })
    : new UnavailableError('the vault is away', { code: 'unavailable' });
}

async function errorOf(response: Response): Promise<Error> {
  const body = parseJson(await response.text());
  const message = messageOf(body) ?? `status ${response.status}`;
  if (response.status === 401) return new UnauthenticatedError(message, { code: 'unauthenticated' });
  if (response.status === 403) return new PermissionDeniedError(message, { code: 'permission_denied' });
  const code = isJsonObject(body) ? body['error_code'] : undefined;
  return new RefusedCallError(message, { status: response.status, code: typeof code === 'string' ? code : undefined });
}

/** The message of an error in the body of any of the dialects. */
function messageOf(body: unknown): string | undefined {
  if (!isJsonObject(body)) return undefined;
  return [body['error_message'], body['message'], body['error']].find((text) => typeof text === 'string');
}
