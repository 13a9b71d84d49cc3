import { comments } from '../../../gen/coffer/v1/comments.ts';
import type { Documentation, DocumentedError } from '../../gateway/openapi/documentation.ts';

const schema = { $ref: '#/components/schemas/Error' } as const;

const everywhere: readonly DocumentedError[] = [
  { status: 400, description: 'The request does not fit, or the state of what it names does not', schema },
  { status: 401, description: 'Nobody has proved who he is', schema },
  { status: 403, description: 'The permission is lacking', schema },
  { status: 404, description: 'There is no such thing, or not for the caller', schema },
  { status: 500, description: 'Internal error', schema },
];
const stale: DocumentedError = {
  status: 409,
  description: 'The etag is stale: ABORTED, which AIP-154 maps to 409',
  schema,
};

/** The document of the native API. */
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
  errors: ({ name }) => (/^(Update|Delete)Credential$/.test(name) ? [...everywhere, stale] : everywhere),
  schemas: {
    Error: {
      type: 'object',
      description: 'An error as Connect spells it.',
      properties: {
        code: { type: 'string' },
        message: { type: 'string' },
        details: { type: 'array', items: { type: 'object', additionalProperties: true } },
      },
      required: ['code', 'message'],
    },
  },
};
