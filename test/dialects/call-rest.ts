/** One REST request of a test. */
export interface RestCall {
  readonly method?: string;
  readonly path: string;
  /** Sent as `Authorization: Bearer …`. */
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a string as it is. Without it no content type is sent either. */
  readonly body?: unknown;
}

/** What came back; `body` is undefined where it is not JSON. */
export interface RestReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
}

/** Makes calls to one server, as a REST client would. */
export function restClient(origin: string): (call: RestCall) => Promise<RestReply> {
  return async ({ method = 'GET', path, token, headers = {}, body }) => {
    const response = await fetch(origin + path, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parse(text) };
  };
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
