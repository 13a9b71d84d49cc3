import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/vault/json.ts';

/** Where and as whom a client calls. */
export interface TransportOptions {
  readonly origin: string;
  readonly apiKey: string;
  readonly workspaceId?: string;
  /** Called instead of waiting before another attempt. */
  readonly onRetry?: (status: number) => Promise<void>;
}

/** What came back once no more attempts are made. */
export interface TransportReply {
  readonly status: number;
  readonly body: JsonValue;
  readonly attempts: number;
}

const attemptsMax = 3;

/**
 * Behaves as the transport of Mielto's SDK: it proves itself by `X-API-Key`, sends `Content-Type: application/json` with every
 * request, leaves out parameters that have no value, and tries 429 and 5xx again.
 */
export class SdkTransport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  async send(
    method: string,
    path: string,
    {
      query = {},
      body,
    }: { readonly query?: Readonly<Record<string, string | undefined>>; readonly body?: object } = {},
  ): Promise<TransportReply> {
    const url = new URL(path, this.#options.origin);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    for (let attempts = 1; ; attempts += 1) {
      const headers = this.#headers();
      const response = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
      const { status } = response;
      const answer: JsonValue = JSON.parse(await response.text());
      if ((status !== 429 && status < 500) || attempts === attemptsMax) return { status, body: answer, attempts };
      await this.#options.onRetry?.(status);
    }
  }

  /** The same for what must succeed with an object. */
  async receive(...request: Parameters<SdkTransport['send']>): Promise<JsonObject> {
    const { status, body } = await this.send(...request);
    if (status !== 200 || !isJsonObject(body)) throw new Error(`${request[0]} was answered ${status}`);
    return body;
  }

  #headers(): Record<string, string> {
    const { apiKey, workspaceId } = this.#options;
    return {
      accept: 'application/json',
      'content-type': 'application/json',
      'user-agent': 'mielto-python/0.1.0',
      'x-api-key': apiKey,
      ...(workspaceId !== undefined && { 'x-workspace-id': workspaceId }),
    };
  }
}
