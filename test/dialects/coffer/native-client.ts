import { expect } from 'chai';
import { restClient, type RestCall } from '../call-rest.ts';

/** The answer to a native call; `body` is whatever JSON came back. */
export interface NativeReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: NativeBody;
}

/** The members of native answers that tests look into. */
export interface NativeBody {
  readonly [member: string]: unknown;
  readonly credential: Readonly<Record<string, unknown>>;
  readonly credentials: readonly Readonly<Record<string, unknown>>[];
  readonly workspace: Readonly<Record<string, unknown>>;
  readonly workspaces: readonly Readonly<Record<string, unknown>>[];
  readonly api_key: Readonly<Record<string, unknown>>;
  readonly api_keys: readonly Readonly<Record<string, unknown>>[];
  readonly member: Readonly<Record<string, unknown>>;
  readonly members: readonly Readonly<Record<string, unknown>>[];
  readonly user: Readonly<Record<string, unknown>>;
  readonly users: readonly Readonly<Record<string, unknown>>[];
  readonly next_page_token: string;
  readonly message: string;
  readonly details: readonly { readonly type: string; readonly debug: { readonly metadata: object } }[];
}

/** Speaks to the native API's REST side. */
export type NativeClient = (call: RestCall) => Promise<NativeReply>;

/** A client that sends a token with each call, unless the call has one of its own. */
export function nativeClient(origin: string, token: string): NativeClient {
  const send = restClient(origin);
  return async (call) => {
    const { status, headers, text } = await send({ token, ...call });
    return { status, headers, body: text === '' ? undefined : JSON.parse(text) };
  };
}

/** Stores a credential, and answers its id. */
export async function createCredential(
  call: NativeClient,
  credential: object = { name: 'OpenAI' },
  workspace = 'default',
): Promise<string> {
  const path = `/v1/workspaces/${workspace}/credentials`;
  const { status, body } = await call({ method: 'POST', path, body: { credential, secret: { api_key: 'sk-1' } } });
  expect(status, JSON.stringify(body)).to.equal(200);
  return String(body.credential['id']);
}
