import { comments } from '../../../gen/fishnet/v1/comments.ts';
import type { Documentation, DocumentedError } from '../../gateway/openapi/documentation.ts';

const schema = { $ref: '#/components/schemas/Error' } as const;
const required = { required: true } as const;

const invalid: DocumentedError = { status: 400, description: 'Missing or empty required fields', schema };
const unauthorized: DocumentedError = { status: 401, description: 'Missing or invalid session token', schema };
const forbidden: DocumentedError = { status: 403, description: 'The permission is lacking', schema };
const internal: DocumentedError = { status: 500, description: 'Internal server error', schema };

const refusals: Readonly<Record<string, readonly DocumentedError[]>> = {
  CreateCredential: [invalid, unauthorized, forbidden],
  ListCredentials: [unauthorized],
  DeleteCredential: [unauthorized, forbidden, { status: 404, description: 'Credential not found', schema }],
  SetUp: [invalid, forbidden, { status: 409, description: 'A password is configured already', schema }],
  Login: [
    { status: 401, description: 'Invalid password', schema },
    { status: 429, description: 'Too many failed attempts', schema },
  ],
  Logout: [unauthorized],
};

/** Fishnet publishes no document of its own; its members are required as its pages say. @see seed 001 */
export const documentation: Documentation = {
  title: 'Fishnet',
  comments,
  tags: { CredentialService: 'Credentials', AuthService: 'Authentication' },
  securitySchemes: { sessionToken: { type: 'http', scheme: 'bearer' } },
  members: {
    'CreateCredentialRequest.service': required,
    'CreateCredentialRequest.name': required,
    'SetUpRequest.password': required,
    'SetUpRequest.confirm': required,
    'LoginRequest.password': required,
    'LoginResponse.expires_at': required,
  },
  errors: ({ name }) => [...(refusals[name] ?? []), internal],
  schemas: {
    Error: {
      type: 'object',
      properties: { error: { type: 'string' }, retry_after_seconds: { type: 'integer' } },
      required: ['error'],
    },
  },
};
