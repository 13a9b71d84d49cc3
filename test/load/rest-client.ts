import { isJsonObject, type JsonObject, type JsonValue } from '../../src/vault/json.ts';
import { parseObject, textOf } from '../support/json.ts';
import { Refusal, type Connect, type Described, type RefusalCode } from './vault-client.ts';

interface RestRequest {
  readonly method: string;
  readonly path: string;
  readonly etag?: string;
  readonly body?: JsonValue;
}

type Send = (request: RestRequest) => Promise<JsonObject>;

/** What tells a refusal: the native API's code, or Scale's status. */
type CodeOf = (status: number, body: JsonObject) => RefusalCode | undefined;

const nativeCodes: ReadonlyMap<unknown, RefusalCode> = new Map([
  ['not_found', 'not_found'],
  ['already_exists', 'name_taken'],
  ['aborted', 'etag_stale'],
  ['permission_denied', 'permission_denied'],
  ['unavailable', 'unavailable'],
]);

const scaleCodes: ReadonlyMap<number, RefusalCode> = new Map([
  [404, 'not_found'],
  [409, 'name_taken'],
  [403, 'permission_denied'],
  [503, 'unavailable'],
]);

/** The native API's REST side. */
export const nativeRest: Connect = (origin, token) => {
  const protocol = 'REST';
  const send = sender({ protocol, origin, token, codeOf: (_status, { code }) => nativeCodes.get(code) });
  const credentials = '/v1/workspaces/default/credentials';
  return {
    protocol,
    changesSecrets: false,
    create: async ({ name, value }) => {
      const body = { credential: { name }, secret: { payload: value } };
      return describedByNative(await send({ method: 'POST', path: credentials, body }));
    },
    describe: async (id) => describedByNative(await send({ method: 'GET', path: `${credentials}/${id}` })),
    change: async (id, { text, etag }) => {
      const body = { description: text };
      return describedByNative(
        await send({ method: 'PATCH', path: `${credentials}/${id}`, body, ...(etag !== undefined && { etag }) }),
      );
    },
    reveal: async (id) =>
      textOf(await send({ method: 'POST', path: `${credentials}/${id}:reveal`, body: {} }), 'secret', 'payload'),
    remove: async (id, etag) => {
      await send({ method: 'DELETE', path: `${credentials}/${id}`, ...(etag !== undefined && { etag }) });
    },
    close: () => undefined,
  };
};

/** Scale's API: no two credentials of a name, no etags, and changes of the secret. */
export const scale: Connect = (origin, token) => {
  const protocol = 'Scale';
  const send = sender({ protocol, origin, token, codeOf: (status) => scaleCodes.get(status) });
  const credentials = '/v5/credentials';
  return {
    protocol,
    changesSecrets: true,
    create: async ({ name, value }) => {
      const body = { type: 'key', name, payload: value };
      return describedByScale(await send({ method: 'POST', path: credentials, body }));
    },
    describe: async (id) => describedByScale(await send({ method: 'GET', path: `${credentials}/${id}` })),
    change: async (id, { text }) =>
      describedByScale(await send({ method: 'PATCH', path: `${credentials}/${id}`, body: { payload: text } })),
    reveal: async (id) =>
      textOf(await send({ method: 'POST', path: `${credentials}/${id}/secret`, body: {} }), 'result'),
    remove: async (id) => {
      await send({ method: 'DELETE', path: `${credentials}/${id}` });
    },
    close: () => undefined,
  };
};

function describedByNative({ credential }: JsonObject): Described {
  return { id: textOf(credential, 'id'), description: descriptionOf(credential), etag: textOf(credential, 'etag') };
}

function describedByScale(answer: JsonObject): Described {
  return { id: textOf(answer, 'id'), description: descriptionOf(answer), etag: '' };
}

function descriptionOf(credential: JsonValue | undefined): string {
  const description = isJsonObject(credential) ? credential['description'] : undefined;
  return typeof description === 'string' ? description : '';
}

function sender(parts: {
  readonly protocol: string;
  readonly origin: string;
  readonly token: string;
  readonly codeOf: CodeOf;
}): Send {
  const { protocol, origin, token, codeOf } = parts;
  return async ({ method, path, etag, body }) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(etag !== undefined && { 'if-match': etag }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const request = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const response = await fetch(origin + path, request);
    const answer = parseObject(await response.text());
    if (response.ok) return answer;
    const code = codeOf(response.status, answer);
    throw code === undefined ? new Error(`${protocol}: answered ${response.status}`) : new Refusal(protocol, code);
  };
}
