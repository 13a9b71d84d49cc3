import { restClient, type RestCall, type RestReply } from '../dialects/call-rest.ts';
import type { TestCoffer } from './coffer.ts';

export const credentialsPath = '/v1/workspaces/default/credentials';

/** A request with an `Idempotency-Key`. */
export interface KeyedCall extends RestCall {
  readonly key?: string;
}

export interface KeyedReply extends RestReply {
  readonly isReplayed: boolean;
}

/** Sends a request, with the admin key by default. */
export async function sendKeyed(coffer: TestCoffer, { key, headers, ...call }: KeyedCall): Promise<KeyedReply> {
  const withKey = { ...headers, ...(key !== undefined && { 'idempotency-key': key }) };
  const reply = await restClient(coffer.origin)({ token: coffer.adminToken, ...call, headers: withKey });
  return { ...reply, isReplayed: reply.headers.get('idempotent-replayed') === 'true' };
}

/** The request of a native create. */
export function creationOf(name: string, more: object = {}) {
  return { method: 'POST', path: credentialsPath, body: { credential: { name }, secret: { key: 'value' }, ...more } };
}

/** The reason of a native refusal. */
export function reasonOf({ body }: RestReply): unknown {
  return Object(body).details?.[0]?.debug?.reason;
}

/** How many credentials of the default workspace have a name. */
export async function countNamed(coffer: TestCoffer, name: string): Promise<number> {
  const { body } = await sendKeyed(coffer, { path: `${credentialsPath}?page_size=1000` });
  return Array.from<object>(Object(body).credentials).filter((one) => Object(one).name === name).length;
}
