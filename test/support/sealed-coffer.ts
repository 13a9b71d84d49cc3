import { pino, type Logger } from 'pino';
import type { Environment } from '../../src/config/config.ts';
import { startCoffer as start } from '../../src/start/coffer.ts';
import { readConfig } from '../../src/start/read-config.ts';
import type { JsonObject, JsonValue } from '../../src/vault/json.ts';
import type { TestCoffer } from './coffer.ts';
import { parseObject } from './json.ts';

/** An answer of REST. */
export interface SealedAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: JsonObject;
}

/** A Coffer that started sealed. */
export interface SealedCoffer {
  readonly origin: string;
  /** Sends a native request, without a token by default. */
  send(method: string, path: string, body?: JsonValue, token?: string): Promise<SealedAnswer>;
  /** Calls Unseal. */
  unseal(given: JsonObject): Promise<SealedAnswer>;
  stop(): Promise<void>;
}

/** How a sealed Coffer differs from an ordinary one. */
export interface SealedOptions {
  readonly environment?: Environment;
  readonly now?: () => Date;
  readonly log?: Logger;
}

/** Starts a Coffer without its key on the database of one that was started before. */
export async function startSealed(
  { database }: Pick<TestCoffer, 'database'>,
  { environment = {}, log = pino({ level: 'silent' }), now = () => new Date() }: SealedOptions = {},
): Promise<SealedCoffer> {
  const settings = { COFFER_PORT: '0', COFFER_DATABASE_URL: database.url, COFFER_SEALED_START: 'true', ...environment };
  const coffer = await start(
    readConfig(settings, () => ''),
    { clock: { now }, log },
  );
  const send = (method: string, path: string, body?: JsonValue, token?: string) =>
    sendTo(coffer.origin + path, { method, body, token });
  return {
    origin: coffer.origin,
    send,
    unseal: (given) => send('POST', '/v1/keys:unseal', given),
    stop: () => coffer.stop(),
  };
}

interface Sent {
  readonly method: string;
  readonly body: JsonValue | undefined;
  readonly token: string | undefined;
}

/** Sends a request with a body of JSON. */
export async function sendTo(url: string, { body, method, token }: Sent): Promise<SealedAnswer> {
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  return { status: response.status, headers: response.headers, body: parseObject(await response.text()) };
}

/** The reason of a refusal of native REST. */
export function reasonIn({ body }: SealedAnswer): unknown {
  return Object(body)['details']?.[0]?.debug?.reason;
}
