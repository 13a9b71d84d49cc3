import { comments } from '../../../gen/scale/v5/comments.ts';
import type { Documentation, DocumentedError } from '../../gateway/contract/documentation.ts';
import { validationError, validationErrorSchemas, workspaceHeader } from '../shared/fastapi-documentation.ts';

const detail = { type: 'object', properties: { detail: { type: 'string' } }, required: ['detail'] } as const;

const absent: DocumentedError = { status: 404, description: 'Credential not found', schema: detail };
const inactive: DocumentedError = {
  status: 403,
  description: 'The credential is not active, has expired, or may not be revealed',
  schema: detail,
};

/** The errors that Scale documents besides 422; of a create it documents 422 only. */
const refusals: Readonly<Record<string, readonly DocumentedError[]>> = {
  GetCredential: [absent],
  GetCredentialByName: [absent],
  UpdateCredential: [absent, { status: 409, description: 'The name is taken', schema: detail }],
  DeleteCredential: [absent],
  GetSecret: [inactive, absent],
  GetSecretByName: [inactive, absent],
};

/** For the calls that Scale documents, this results in Scale's own OpenAPI document. @see seed 003 */
export const documentation: Documentation = {
  title: 'EGP API V5',
  comments,
  tags: { CredentialService: 'Credentials' },
  operationId: ({ httpMethod, path }) => `${httpMethod}-V5-${path}`,
  securitySchemes: { APIKeyHeader: { type: 'apiKey', in: 'header', name: 'x-api-key' } },
  parameters: [workspaceHeader('x-selected-account-id', 'The account ID')],
  // Scale's document marks no member as nullable, although two members are, as its SDK expects.
  nulls: 'hidden',
  members: {
    // These are limits of the vault; Scale documents none.
    'CreateCredentialRequest.type': { schema: { maxLength: null } },
    'CreateCredentialRequest.name': { schema: { maxLength: null } },
    'CreateCredentialRequest.description': { schema: { maxLength: null } },
    'Credential.object': { schema: { default: 'credential' } },
    'Credential.description': { required: true, nullable: true },
    'Credential.credential_metadata': { required: true, nullable: true },
  },
  errors: ({ name }) => [...(refusals[name] ?? []), validationError],
  schemas: validationErrorSchemas({ input: {}, ctx: { type: 'object', additionalProperties: true } }),
};
