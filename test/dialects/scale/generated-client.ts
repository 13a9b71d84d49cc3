import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/vault/json.ts';
import { memberOf, textOf } from '../../support/json.ts';

/** Where and as whom a client calls. */
export interface ClientOptions {
  readonly origin: string;
  readonly apiKey: string;
  readonly accountId?: string;
  /** Called instead of waiting before another attempt, with what the server said of when. */
  readonly onRetry?: (status: number, retryAfter: string | null) => Promise<void>;
}

/** A refusal, once no more attempts are made. */
export class StatusError extends Error {
  readonly status: number;
  readonly body: JsonValue;
  readonly attempts: number;

  constructor(status: number, body: JsonValue, attempts: number) {
    super(`answered ${status} after ${attempts} attempts`);
    this.status = status;
    this.body = body;
    this.attempts = attempts;
  }
}

const retriesMax = 2;

/**
 * Behaves as Scale's generated SDK: it sends `Content-Type: application/json` with every request, also those without a body,
 * tells of itself in `X-Stainless-*` headers, tries 408, 409, 429 and 5xx twice more, and pages until there are no items.
 */
export class GeneratedClient {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  create(body: JsonObject): Promise<JsonObject> {
    return this.#request('POST', '/v5/credentials', body);
  }

  retrieve(id: string): Promise<JsonObject> {
    return this.#request('GET', `/v5/credentials/${id}`);
  }

  retrieveByName(name: string): Promise<JsonObject> {
    return this.#request('GET', `/v5/credentials/name/${encodeURI(name)}`);
  }

  update(id: string, body: JsonObject): Promise<JsonObject> {
    return this.#request('PATCH', `/v5/credentials/${id}`, body);
  }

  delete(id: string): Promise<JsonObject> {
    return this.#request('DELETE', `/v5/credentials/${id}`);
  }

  retrieveSecret(id: string): Promise<JsonObject> {
    return this.#request('POST', `/v5/credentials/${id}/secret`);
  }

  retrieveSecretByName(name: string): Promise<JsonObject> {
    return this.#request('POST', `/v5/credentials/name/${encodeURI(name)}/secret`);
  }

  /** Every item of every page; `has_more` is not consulted. */
  async *list(query: Readonly<Record<string, string>> = {}): AsyncGenerator<JsonObject> {
    const isForward = query['ending_before'] === undefined;
    let cursor: Readonly<Record<string, string>> = {};
    for (;;) {
      const page = await this.#request(
        'GET',
        `/v5/credentials?${new URLSearchParams({ ...query, ...cursor }).toString()}`,
      );
      const items = objectsOf(memberOf(page, 'items'));
      const edge = isForward ? items.at(-1) : items.at(0);
      if (!edge) return;
      yield* items;
      cursor = { [isForward ? 'starting_after' : 'ending_before']: textOf(edge, 'id') };
    }
  }

  async #request(method: string, path: string, body?: JsonObject): Promise<JsonObject> {
    for (let attempt = 0; ; attempt += 1) {
      const response = await fetch(this.#options.origin + path, {
        method,
        headers: this.#headers(attempt),
        ...(body && { body: JSON.stringify(body) }),
      });
      const answer: JsonValue = JSON.parse(await response.text());
      if (response.ok && isJsonObject(answer)) return answer;
      if (attempt === retriesMax || !isWorthRetrying(response)) {
        throw new StatusError(response.status, answer, attempt + 1);
      }
      await this.#options.onRetry?.(response.status, response.headers.get('retry-after'));
    }
  }

  #headers(attempt: number): Record<string, string> {
    const { apiKey, accountId } = this.#options;
    return {
      accept: 'application/json',
      'content-type': 'application/json',
      'user-agent': 'SGPClient/Python 0.1.0',
      'x-stainless-lang': 'python',
      'x-stainless-package-version': '0.1.0',
      'x-stainless-os': 'Linux',
      'x-stainless-arch': 'x64',
      'x-stainless-runtime': 'CPython',
      'x-stainless-runtime-version': '3.12.0',
      'x-stainless-async': 'false',
      'x-stainless-read-timeout': '60',
      'x-stainless-retry-count': String(attempt),
      'x-api-key': apiKey,
      ...(accountId !== undefined && { 'x-selected-account-id': accountId }),
    };
  }
}

/** The server's own word goes before what the status says. */
function isWorthRetrying({ headers, status }: Response): boolean {
  const word = headers.get('x-should-retry');
  if (word === 'true' || word === 'false') return word === 'true';
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

function objectsOf(value: JsonValue): JsonObject[] {
  if (!Array.isArray(value)) throw new Error('the answer is no list');
  return value.filter((item: JsonValue) => isJsonObject(item));
}
