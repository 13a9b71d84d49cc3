import type { JsonObject, JsonValue } from '../../src/vault/json.ts';
import { textOf } from '../support/json.ts';

/** How a credential is created by an HTTP call, and what the answer is while the database is away. */
export interface OutageShape {
  readonly protocol: string;
  readonly path: (workspaceShortId: string) => string;
  readonly body: (name: string, value: string) => JsonObject;
  readonly id: (answer: JsonObject) => string;
  /** What the secret is to the native API. */
  readonly secret: (value: string) => JsonObject;
  /** Of a 503: the members that are always the same, beside those that `varying` names, all of which are texts. */
  readonly outage: JsonObject;
  readonly varying: readonly string[];
}

const connectOutage = { outage: { code: 'unavailable' }, varying: ['message'] };
const fastApiOutage = { outage: { detail: 'Service Unavailable' }, varying: [] };
const payload = (value: string) => ({ payload: value });

/** The five dialects, the native API, and Connect with JSON. */
export const outageShapes: readonly OutageShape[] = [
  {
    protocol: 'Flowise',
    path: () => '/api/v1/credentials/',
    body: (name, value) => ({ name, credentialName: 'openAIApi', credentialData: { openAIApiKey: value } }),
    id: (answer) => textOf(answer, 'id'),
    secret: (value) => ({ openAIApiKey: value }),
    outage: { statusCode: 503, success: false, stack: {} },
    varying: ['message'],
  },
  {
    protocol: 'Fishnet',
    path: () => '/api/credentials',
    body: (name, key) => ({ service: 'openai', name, key }),
    id: (answer) => textOf(answer, 'id'),
    secret: (value) => ({ key: value }),
    outage: {},
    varying: ['error'],
  },
  {
    protocol: 'Mielto',
    path: () => '/api/v1/credentials',
    body: (label, value) => ({
      label,
      auth_type: 'api_key',
      credential_scope: 'workspace',
      credentials: payload(value),
    }),
    id: (answer) => textOf(answer, 'id'),
    secret: payload,
    ...fastApiOutage,
  },
  {
    protocol: 'Scale',
    path: () => '/v5/credentials',
    body: (name, value) => ({ type: 'key', name, ...payload(value) }),
    id: (answer) => textOf(answer, 'id'),
    secret: payload,
    ...fastApiOutage,
  },
  {
    protocol: 'MiniFlow',
    path: (workspace) => `/frontend/workspaces/${workspace}/credentials/api-key`,
    body: (name, value) => ({ name, provider: 'OPENAI', api_key: value }),
    id: (answer) => textOf(answer, 'data', 'id'),
    secret: (value) => ({ api_key: value }),
    outage: {
      status: 'error',
      code: 503,
      message: null,
      error_message: 'Service unavailable',
      error_code: 'HTTP_503',
    },
    varying: ['traceId', 'timestamp'],
  },
  {
    protocol: 'REST',
    path: () => '/v1/workspaces/default/credentials',
    body: (name, value) => ({ credential: { name }, secret: payload(value) }),
    id: (answer) => textOf(answer, 'credential', 'id'),
    secret: payload,
    ...connectOutage,
  },
  {
    protocol: 'Connect',
    path: () => '/coffer.v1.CredentialService/CreateCredential',
    body: (name, value) => ({ workspaceId: 'default', credential: { name }, secret: payload(value) }),
    id: (answer) => textOf(answer, 'credential', 'id'),
    secret: payload,
    ...connectOutage,
  },
];

/** The answer without what varies and without the details that Connect gives; undefined where a text is missing. */
export function constantPart(answer: JsonObject, { varying }: OutageShape): JsonObject | undefined {
  if (varying.some((name) => typeof answer[name] !== 'string')) return undefined;
  const kept: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(answer)) {
    if (value !== undefined && name !== 'details' && !varying.includes(name)) kept[name] = value;
  }
  return kept;
}
