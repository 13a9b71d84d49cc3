import type { DescMethod } from '@bufbuild/protobuf';
import { comments } from '../../../gen/coffer/v1/comments.ts';
import type { Documentation, DocumentedError } from '../../gateway/contract/documentation.ts';

const schema = { $ref: '#/components/schemas/Error' } as const;

const everywhere: readonly DocumentedError[] = [
  { status: 400, description: 'The request is invalid, or the state of the resource does not allow it', schema },
  { status: 401, description: 'Authentication is required', schema },
  { status: 403, description: 'The caller lacks the permission', schema },
  { status: 404, description: 'The resource does not exist, or the caller may not know of it', schema },
  { status: 429, description: 'Too many requests; `retry-after` is the delay in seconds', schema },
  { status: 500, description: 'Internal error', schema },
  { status: 503, description: 'The vault is temporarily unavailable; the call may be retried', schema },
];
/** Further errors of requests that have a body. */
const ofBodies: readonly DocumentedError[] = [
  { status: 413, description: 'The body is too large', schema },
  { status: 415, description: 'The body is not JSON, or is encoded', schema },
];
/** Members with presence that are set in every answer of their message. */
const alwaysAnswered = [
  'credential',
  'workspace',
  'member',
  'api_key',
  'user',
  'created_at',
  'updated_at',
  ...['name', 'description', 'provider', 'auth_type', 'category', 'scope'].map((name) => `Credential.${name}`),
  'RevealSecretResponse.secret',
  'LoginResponse.expires_at',
  'AuditEvent.time',
  'AuditEvent.actor',
];
const stale: DocumentedError = {
  status: 409,
  description: 'The etag is stale: ABORTED, which AIP-154 maps to 409',
  schema,
};

/** What the OpenAPI document of the native API adds to its descriptors. */
export const documentation: Documentation = {
  title: 'Coffer',
  comments,
  tags: {
    CredentialService: 'Credentials',
    SecretService: 'Secrets',
    WorkspaceService: 'Workspaces',
    AccessService: 'Access',
    AuditService: 'Audit trail',
  },
  securitySchemes: {
    bearer: { type: 'http', scheme: 'bearer' },
    apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
  },
  mutationParameters: [
    {
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description:
        'Identifies the request, as `request_id` does: a repetition within 24 hours gets the first answer, with the header ' +
        '`Idempotent-Replayed: true`, and changes nothing',
      schema: { type: 'string', minLength: 1, maxLength: 255 },
    },
  ],
  members: Object.fromEntries(alwaysAnswered.map((name) => [name, { alwaysAnswered: true }])),
  bodyErrors: ofBodies,
  errors: (method) => [...everywhere, ...(mayBeStale(method) ? [stale] : [])],
  schemas: {
    Error: {
      type: 'object',
      description: 'A Connect error.',
      properties: {
        code: { type: 'string' },
        message: { type: 'string' },
        details: { type: 'array', items: { type: 'object', additionalProperties: true } },
      },
      required: ['code', 'message'],
    },
  },
};

function mayBeStale({ input }: DescMethod): boolean {
  return input.fields.some(({ name }) => name === 'etag');
}
