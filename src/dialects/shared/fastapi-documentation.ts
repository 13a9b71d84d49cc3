import type { DocumentedError, DocumentedOperation } from '../../gateway/contract/documentation.ts';
import type { JsonObject } from '../../vault/json.ts';

/** The error for a request that its model refuses, as FastAPI documents it. */
export const validationError: DocumentedError = {
  status: 422,
  description: 'Validation Error',
  schema: { $ref: '#/components/schemas/HTTPValidationError' },
};

/**
 * The schemas of that error.
 *
 * @param details members of an entry besides the three that all versions of FastAPI document
 */
export function validationErrorSchemas(details: JsonObject = {}): Readonly<Record<string, JsonObject>> {
  const loc = { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'integer' }] } } as const;
  return {
    HTTPValidationError: {
      type: 'object',
      properties: { detail: { type: 'array', items: { $ref: '#/components/schemas/ValidationError' } } },
    },
    ValidationError: {
      type: 'object',
      properties: { loc, msg: { type: 'string' }, type: { type: 'string' }, ...details },
      required: ['loc', 'msg', 'type'],
    },
  };
}

/** The header that names the workspace of a call. */
export function workspaceHeader(name: string, description: string): JsonObject {
  const schema = { anyOf: [{ type: 'string' }, { type: 'null' }] };
  return { name, in: 'header', required: false, description, schema };
}

/** An operation id as FastAPI generates it: `create_credential_api_v1_credentials_post`. */
export function fastApiOperationId({ method, httpMethod, path }: DocumentedOperation): string {
  const name = method.name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '_');
  return `${name}${path.replaceAll(/\W/g, '_')}_${httpMethod}`.toLowerCase();
}
