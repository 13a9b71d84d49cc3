import { comments } from '../../../gen/scale/v5/comments.ts';
import type { Documentation, DocumentedError } from '../../gateway/contract/documentation.ts';
import { validationError, validationErrorSchemas, workspaceHeader } from '../shared/fastapi-documentation.ts';

const detail = { type: 'object', properties: { detail: { type: 'string' } }, required: ['detail'] } as const;

/** What its document tells beside 422; of the create that is all it tells. */
const refusals: Readonly<Record<string, readonly DocumentedError[]>> = {
  GetCredential: [absent()],
  GetCredentialByName: [absent()],
  UpdateCredential: [absent(), { status: 409, description: 'The name is taken', schema: detail }],
  DeleteCredential: [absent()],
  GetSecret: [inactive(), absent()],
  GetSecretByName: [inactive(), absent()],
};

/** Scale's own document, which it equals for the calls that are in it. @see seed 003 */
export const documentation: Documentation = {
  title: 'EGP API V5',
  comments,
  tags: { CredentialService: 'Credentials' },
  operationId: ({ httpMethod, path }) => `${httpMethod}-V5-${path}`,
  securitySchemes: { APIKeyHeader: { type: 'apiKey', in: 'header', name: 'x-api-key' } },
  parameters: [workspaceHeader('x-selected-account-id', 'The account ID')],
  // Its document says of no member that it may be null, though some are; of these two answers its SDK knows it, too.
  nulls: 'hidden',
  members: {
    // The vault's own limits; Scale names none.
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

function absent(): DocumentedError {
  return { status: 404, description: 'Credential not found', schema: detail };
}

function inactive(): DocumentedError {
  return {
    status: 403,
    description: 'The credential is not active, has expired, or may not be revealed',
    schema: detail,
  };
}
