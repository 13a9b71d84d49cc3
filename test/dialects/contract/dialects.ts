import type { JsonObject } from '../../../src/vault/json.ts';

/** An answer by which a request is refused. */
export interface Refusal {
  readonly status: number;
  readonly body: object;
  /** Whether the body has further members; otherwise it is compared as a whole. */
  readonly isPart?: boolean;
}

/** What every dialect refuses, each in its own form. */
export interface Refusals {
  readonly tokenMissing: Refusal;
  readonly tokenInvalid: Refusal;
  readonly tokenExpired: Refusal;
  /** The role is too low, or the key may not reveal. */
  readonly forbidden: Refusal;
  /** The caller is no member of the workspace that a header or the path names. */
  readonly workspaceDenied: Refusal;
  readonly routeNotFound: Refusal;
  readonly methodNotAllowed: Refusal;
  readonly malformedJson: Refusal;
  readonly bodyTooLarge: Refusal;
  readonly absent: (id: string, rpc: string) => Refusal;
  readonly nameTaken?: (name: string) => Refusal;
}

/** One dialect as the contract suite uses it. Paths are below the mount prefix. */
export interface ContractDialect {
  readonly workspaceHeader?: string;
  /** Whether a 401 has `www-authenticate`. */
  readonly challenges: boolean;
  /** Path, below the mount prefix, of a create; `{workspace}` is the short id of one. */
  readonly collection: string;
  readonly create: { readonly suffix: string; readonly body: (name: string, secret: string) => JsonObject };
  readonly refusals: Refusals;
}

const absentEnvelope = (id: string) =>
  `The requested Credential with ID '${id}' could not be found. Please verify the identifier and try again.`;

const controllers: Readonly<Record<string, string>> = {
  GetCredential: 'getCredentialById',
  RevealCredential: 'revealCredentialById',
  UpdateCredential: 'updateCredential',
};

const withStatus = (status: number): Refusal => ({ status, body: {}, isPart: true });
const fastApi = (detail: unknown, status: number): Refusal => ({ status, body: { detail } });

const fastApiRefusals: Refusals = {
  tokenMissing: fastApi('Not authenticated', 401),
  tokenInvalid: fastApi('Not authenticated', 401),
  tokenExpired: fastApi('Not authenticated', 401),
  forbidden: fastApi('permission credentials.write is needed', 403),
  workspaceDenied: fastApi('Workspace access denied', 403),
  routeNotFound: fastApi('Not Found', 404),
  methodNotAllowed: fastApi('Method Not Allowed', 405),
  malformedJson: withStatus(422),
  bodyTooLarge: withStatus(413),
  absent: () => fastApi('Credential not found', 404),
};

const native = (status: number, code: string): Refusal => ({ status, body: { code }, isPart: true });
const fishnet = (status: number, error: string): Refusal => ({ status, body: { error } });
const flowise = (statusCode: number): Refusal => ({
  status: statusCode,
  body: { statusCode, success: false, stack: {} },
  isPart: true,
});
const miniflow = (code: number, error_code: string, error_message?: string): Refusal => ({
  status: code,
  body: {
    status: 'error',
    code,
    message: null,
    timestamp: '2024-01-01T00:00:00Z',
    error_code,
    ...(error_message !== undefined && { error_message }),
  },
  isPart: true,
});

/** How each dialect takes and refuses what they have in common. */
export const contractDialects: Readonly<Record<string, ContractDialect>> = {
  coffer: {
    challenges: true,
    collection: '/v1/workspaces/default/credentials',
    create: { suffix: '', body: (name, secret) => ({ credential: { name }, secret: { api_key: secret } }) },
    refusals: {
      tokenMissing: native(401, 'unauthenticated'),
      tokenInvalid: native(401, 'unauthenticated'),
      tokenExpired: native(401, 'unauthenticated'),
      forbidden: native(403, 'permission_denied'),
      workspaceDenied: native(404, 'not_found'),
      routeNotFound: native(404, 'not_found'),
      methodNotAllowed: withStatus(405),
      malformedJson: native(400, 'invalid_argument'),
      bodyTooLarge: withStatus(413),
      absent: () => native(404, 'not_found'),
    },
  },
  flowise: {
    challenges: false,
    collection: '/api/v1/credentials',
    create: {
      suffix: '',
      body: (name, secret) => ({ name, credentialName: 'openAIApi', plainDataObj: { openAIApiKey: secret } }),
    },
    refusals: {
      tokenMissing: { status: 401, body: { error: 'Unauthorized Access' } },
      tokenInvalid: { status: 401, body: { error: 'Unauthorized Access' } },
      tokenExpired: { status: 401, body: { error: 'Unauthorized Access' } },
      forbidden: { status: 403, body: { message: 'Forbidden' } },
      workspaceDenied: { status: 403, body: { message: 'Forbidden' } },
      routeNotFound: flowise(404),
      methodNotAllowed: flowise(405),
      malformedJson: flowise(400),
      bodyTooLarge: flowise(413),
      absent: (id, rpc) => {
        if (rpc === 'DeleteCredential') return { status: 200, body: { raw: [], affected: 0 } };
        const message = `Error: credentialsController.${controllers[rpc] ?? rpc} - Credential ${id} not found`;
        return { status: 404, body: { statusCode: 404, success: false, message, stack: {} } };
      },
    },
  },
  fishnet: {
    challenges: false,
    collection: '/api/credentials',
    create: { suffix: '', body: (name, key) => ({ service: 'openai', name, key }) },
    refusals: {
      tokenMissing: fishnet(401, 'missing or invalid authorization header'),
      tokenInvalid: fishnet(401, 'invalid or expired session token'),
      tokenExpired: fishnet(401, 'invalid or expired session token'),
      forbidden: fishnet(403, 'permission credentials.write is needed'),
      workspaceDenied: withStatus(403),
      routeNotFound: fishnet(404, 'not found'),
      methodNotAllowed: fishnet(405, 'method not allowed'),
      malformedJson: withStatus(400),
      bodyTooLarge: withStatus(413),
      absent: () => fishnet(404, 'credential not found'),
    },
  },
  mielto: {
    workspaceHeader: 'x-workspace-id',
    challenges: true,
    collection: '/api/v1/credentials',
    create: {
      suffix: '',
      body: (label, secret) => ({
        label,
        auth_type: 'api_key',
        credential_scope: 'workspace',
        credentials: { api_key: secret },
      }),
    },
    refusals: fastApiRefusals,
  },
  scale: {
    workspaceHeader: 'x-selected-account-id',
    challenges: true,
    collection: '/v5/credentials',
    create: { suffix: '', body: (name, payload) => ({ type: 'key', name, payload }) },
    refusals: {
      ...fastApiRefusals,
      nameTaken: (name) => fastApi(`Credential with name '${name}' already exists`, 409),
    },
  },
  miniflow: {
    challenges: true,
    collection: '/frontend/workspaces/{workspace}/credentials',
    create: { suffix: '/api-key', body: (name, secret) => ({ name, api_key: secret, provider: 'openai' }) },
    refusals: {
      tokenMissing: miniflow(401, 'HTTP_401', 'Not authenticated'),
      tokenInvalid: miniflow(401, 'HTTP_401', 'Invalid token'),
      tokenExpired: miniflow(401, 'HTTP_401', 'Token expired'),
      forbidden: miniflow(403, 'HTTP_403', 'permission credentials.write is needed'),
      workspaceDenied: miniflow(403, 'HTTP_403', 'Workspace access denied'),
      routeNotFound: miniflow(404, 'HTTP_404'),
      methodNotAllowed: miniflow(405, 'HTTP_405', 'Method Not Allowed'),
      malformedJson: miniflow(422, 'VALIDATION_ERROR', 'Request validation failed'),
      bodyTooLarge: withStatus(413),
      absent: (id) => miniflow(404, 'RESOURCE_NOT_FOUND', absentEnvelope(id)),
      nameTaken: () => miniflow(400, 'RESOURCE_ALREADY_EXISTS'),
    },
  },
};
