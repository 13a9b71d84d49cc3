import { comments } from '../../../gen/flowise/v1/comments.ts';
import type { Documentation, DocumentedError } from '../../gateway/contract/documentation.ts';

const component = { $ref: '#/components/schemas/ComponentCredential' } as const;
const failure = { $ref: '#/components/schemas/Failure' } as const;

/** Errors of Flowise's middleware, before any controller is reached. */
const everywhere: readonly DocumentedError[] = [
  { status: 401, description: 'Missing or invalid API key', schema: textMember('error') },
  { status: 403, description: 'The API key lacks the permission', schema: textMember('message') },
  { status: 429, description: 'Too many requests', schema: failure },
  { status: 500, description: 'Internal Server Error', schema: failure },
  { status: 503, description: 'The vault is temporarily unavailable', schema: failure },
];
const malformed: DocumentedError = { status: 400, description: 'The request is malformed', schema: failure };
const tooLarge: DocumentedError = { status: 413, description: 'The body is too large', schema: failure };
const notProvided: DocumentedError = { status: 412, description: 'A required member is missing', schema: failure };
const absent: DocumentedError = { status: 404, description: 'No such id or name', schema: failure };
const notActive: DocumentedError = { status: 412, description: 'The credential is not active', schema: failure };

const refusals: Readonly<Record<string, readonly DocumentedError[]>> = {
  CreateCredential: [malformed, notProvided, tooLarge],
  GetCredential: [absent],
  RevealCredential: [absent, notActive],
  UpdateCredential: [malformed, absent, notProvided, tooLarge],
  DeleteCredential: [notProvided],
  GetComponentCredential: [absent],
};

/** Flowise publishes no OpenAPI document for these calls. @see seed 000 */
export const documentation: Documentation = {
  title: 'Flowise',
  comments,
  tags: { CredentialService: 'Credentials', ComponentCredentialService: 'Components' },
  securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } },
  members: {
    created_date: { required: true },
    updated_date: { required: true },
    'CredentialDetail.plain_data_obj': { required: true },
    'RevealCredentialResponse.plain_data_obj': { required: true },
  },
  envelope: (answer) =>
    answer['$ref'] === '#/components/schemas/GetComponentCredentialResponse'
      ? { oneOf: [component, { type: 'array', items: component }] }
      : answer,
  errors: ({ name }) => [...everywhere, ...(refusals[name] ?? [])],
  schemas: {
    Failure: {
      type: 'object',
      properties: {
        statusCode: { type: 'integer' },
        success: { const: false },
        message: { type: 'string' },
        stack: { type: 'object' },
      },
      required: ['statusCode', 'success', 'message', 'stack'],
    },
  },
};

function textMember(name: string) {
  return { type: 'object', properties: { [name]: { type: 'string' } }, required: [name] } as const;
}
