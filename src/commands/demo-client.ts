import { isJsonObject, type JsonObject, type JsonValue } from '../vault/json.ts';

/** One request of the demo. */
export interface DemoRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: JsonObject;
  /** Where it is not the admin key that proves the caller. */
  readonly token?: string;
  /** Members of the answer that are not shown. */
  readonly hide?: readonly string[];
}

/** Sends requests, and shows each as the curl command that does the same, with its answer. */
export class DemoClient {
  readonly #origin: string;
  readonly #adminKey: string;
  readonly #say: (line: string) => void;

  constructor(origin: string, adminKey: string, say: (line: string) => void) {
    this.#origin = origin;
    this.#adminKey = adminKey;
    this.#say = say;
  }

  /**
   * Sends and shows one request.
   *
   * @throws Error where the answer is no success
   */
  async call(title: string, request: DemoRequest): Promise<JsonObject> {
    this.#say(`\n# ${title}\n${this.#asCurl(request)}`);
    const response = await this.#send(request);
    const answer: JsonValue = JSON.parse(await response.text());
    if (!response.ok || !isJsonObject(answer)) throw new Error(`${request.path} was answered ${response.status}`);
    this.#say(`  ${response.status} ${shorten(answer, request.hide ?? [])}`);
    return answer;
  }

  /** The short id of the caller's default workspace. */
  async workspace(): Promise<string> {
    const response = await this.#send({ method: 'GET', path: '/v1/whoami' });
    const answer: JsonValue = JSON.parse(await response.text());
    return textMember(isJsonObject(answer) ? answer : {}, 'default_workspace_short_id');
  }

  async #send({ method, path, body, token = this.#adminKey }: DemoRequest): Promise<Response> {
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
    return fetch(this.#origin + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  }

  #asCurl({ method, path, body, token }: DemoRequest): string {
    const key = token === undefined ? '$KEY' : '$SESSION';
    const data = body ? ` \\\n    -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'` : '';
    return `  curl -X ${method} ${this.#origin}${path} -H "Authorization: Bearer ${key}"${data}`;
  }
}

/** A member that must be a string. */
export function textMember(answer: JsonObject, name: string): string {
  const value = answer[name];
  if (typeof value !== 'string') throw new Error(`the answer has no ${name}`);
  return value;
}

/** Long texts, such as ciphertext, are cut: the shape is what teaches. */
function shorten(answer: JsonObject, hidden: readonly string[]): string {
  const shown = (name: string, value: unknown): unknown => {
    if (hidden.includes(name)) return '…';
    return typeof value === 'string' && value.length > 48 ? `${value.slice(0, 45)}…` : value;
  };
  return JSON.stringify(answer, shown, 2).replaceAll('\n', '\n  ');
}
