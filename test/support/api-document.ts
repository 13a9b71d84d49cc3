import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { JsonObject } from '../../src/vault/json.ts';

/** Finds what of an answer does not fit its place in an OpenAPI document; empty where it fits. */
export interface AnswerCheck {
  (operation: { readonly method: string; readonly path: string; readonly status: number }, body: unknown): string[];
}

/** @param document an OpenAPI 3.1 document, whose schemas are JSON Schema 2020-12 */
export function answerCheck(document: JsonObject): AnswerCheck {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  // Formats of OpenAPI's own, which JSON Schema takes for notes.
  for (const format of ['int32', 'int64', 'password']) ajv.addFormat(format, true);
  ajv.addSchema({ ...document }, 'document');
  return ({ method, path, status }, body) => {
    const place = ['paths', path, method.toLowerCase(), 'responses', String(status), 'content', 'application/json'];
    const pointer = [...place, 'schema'].map((name) => name.replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
    const validate = ajv.compile({ $ref: `document#/${encodeURI(pointer)}` });
    return validate(body) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`);
  };
}
