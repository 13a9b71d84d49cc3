import { comments } from '../../../gen/fishnet/v1/comments.ts';
import type { Documentation, DocumentedError } from '../../gateway/contract/documentation.ts';

const schema = { $ref: '#/components/schemas/Error' } as const;
const required = { required: true } as const;

const invalid: DocumentedError = { status: 400, description: 'Missing or empty required fields', schema };
const unauthorized: DocumentedError = { status: 401, description: 'Missing or invalid session token', schema };
const forbidden: DocumentedError = { status: 403, description: 'The caller lacks the permission', schema };
const tooLarge: DocumentedError = { status: 413, description: 'The body is too large', schema };
const throttled: DocumentedError = {
  status: 429,
  description: 'Too many requests or failed login attempts',
  schema,
};
const unavailable: DocumentedError = { status: 503, description: 'The vault is temporarily unavailable', schema };
const internal: DocumentedError = { status: 500, description: 'Internal server error', schema };

const refusals: Readonly<Record<string, readonly DocumentedError[]>> = {
  CreateCredential: [invalid, unauthorized, forbidden, tooLarge],
  ListCredentials: [unauthorized],
  DeleteCredential: [unauthorized, forbidden, { status: 404, description: 'Credential not found', schema }],
  SetUp: [invalid, forbidden, tooLarge, { status: 409, description: 'A password is already configured', schema }],
  Login: [tooLarge, { status: 401, description: 'Invalid password', schema }],
  Logout: [unauthorized],
};

/** Fishnet publishes no OpenAPI document; which members are required follows its documentation. @see seed 001 */
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
  errors: ({ name }) => [...(refusals[name] ?? []), throttled, internal, unavailable],
  schemas: {
    Error: {
      type: 'object',
      properties: { error: { type: 'string' }, retry_after_seconds: { type: 'integer' } },
      required: ['error'],
    },
  },
};
