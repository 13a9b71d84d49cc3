import { comments } from '../../../gen/miniflow/v1/comments.ts';
import type { Documentation, DocumentedError } from '../../gateway/contract/documentation.ts';
import type { JsonObject } from '../../vault/json.ts';

const schema = { $ref: '#/components/schemas/Error' } as const;

const everywhere: readonly DocumentedError[] = [
  { status: 401, description: 'Authentication required', schema },
  { status: 403, description: 'Workspace access denied', schema },
  { status: 500, description: 'Internal server error', schema },
];
const taken: DocumentedError = { status: 400, description: 'Credential name already exists', schema };
const absent: DocumentedError = { status: 404, description: 'Credential not found', schema };
const unfit: DocumentedError = { status: 422, description: 'Validation failed', schema };

const refusals: Readonly<Record<string, readonly DocumentedError[]>> = {
  CreateApiKeyCredential: [taken, unfit],
  CreateSlackCredential: [taken, unfit],
  UpdateCredential: [absent, unfit],
  GetCredential: [absent],
  ActivateCredential: [absent],
  DeactivateCredential: [absent],
  DeleteCredential: [absent],
};

/** The members that successes and errors have in common. */
const trace = {
  code: { type: 'integer' },
  traceId: { type: 'string' },
  timestamp: { type: 'string', format: 'date-time' },
} as const;

/** MiniFlow publishes no OpenAPI document for these calls. @see seed 004 */
export const documentation: Documentation = {
  title: 'MiniFlow',
  comments,
  tags: { CredentialService: 'Credentials' },
  securitySchemes: { accessToken: { type: 'http', scheme: 'bearer' } },
  members: { created_at: { required: true } },
  envelope,
  errors: ({ name }) => [...everywhere, ...(refusals[name] ?? [])],
  schemas: {
    Error: {
      type: 'object',
      properties: {
        status: { const: 'error' },
        ...trace,
        message: { type: 'null' },
        error_message: { type: 'string' },
        error_code: { type: 'string' },
      },
      required: ['status', 'code', 'message', 'traceId', 'timestamp', 'error_message', 'error_code'],
    },
  },
};

function envelope(data: JsonObject): JsonObject {
  const message = { anyOf: [{ type: 'string' }, { type: 'null' }] };
  return {
    type: 'object',
    properties: { status: { const: 'success' }, ...trace, message, data },
    required: ['status', 'code', 'message', 'traceId', 'timestamp', 'data'],
  };
}
