import { comments } from '../../../gen/mielto/v1/comments.ts';
import type { Documentation } from '../../gateway/contract/documentation.ts';
import {
  fastApiOperationId,
  validationError,
  validationErrorSchemas,
  workspaceHeader,
} from '../shared/fastapi-documentation.ts';

/** For the calls that Mielto documents, this results in Mielto's own OpenAPI document. @see seed 002 */
export const documentation: Documentation = {
  title: 'Mielto',
  comments,
  tags: { CredentialService: 'Credentials' },
  operationId: fastApiOperationId,
  securitySchemes: { DualAuthScheme: { type: 'http', scheme: 'bearer' } },
  parameters: [workspaceHeader('X-Workspace-Id', 'The workspace ID')],
  schemaNames: { CreateCredentialRequest: 'CredentialCreate', UpdateCredentialRequest: 'CredentialUpdate' },
  members: {
    'CreateCredentialRequest.provider': { schema: { default: 'custom' } },
    // The limits of credentials that Mielto creates; those of other dialects may be longer.
    'CredentialRead.label': { schema: { minLength: 1, maxLength: 100 } },
    'CredentialRead.description': { schema: { maxLength: 255 } },
    'CredentialRead.auth_type': { schema: { type: null, $ref: '#/components/schemas/AuthType' } },
    'CredentialRead.credential_type': { schema: { type: null, $ref: '#/components/schemas/CredentialType' } },
    'CredentialRead.credential_scope': { schema: { maxLength: 255 } },
    'CredentialRead.user_id': { schema: { maxLength: 255 } },
    created_at: { required: true },
    updated_at: { required: true },
  },
  errors: () => [{ status: 404, description: 'Credential not found' }, validationError],
  schemas: validationErrorSchemas(),
};
