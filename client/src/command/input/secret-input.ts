import type { JsonObject } from '@bufbuild/protobuf';
import { usageError } from '../errors/command-error.ts';

/** What was entered without the name of a field. */
export type SecretInput = { readonly secret: JsonObject } | { readonly text: string };

/**
 * Distinguishes a whole secret, which is a JSON object, from a single value, which is any other text.
 *
 * @throws CommandError for an object with a number that would be stored as another one
 */
export function parseSecretInput(text: string): SecretInput {
  if (!/^\s*\{/.test(text)) return { text };
  const value = parseJson(text);
  return isObject(value) ? { secret: value } : { text };
}

/** Undefined for what is not JSON. */
function parseJson(text: string): unknown {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  return JSON.parse(text, checkNumber);
}

/** Numbers of secrets are stored in 64-bit floating point. */
function checkNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number') return value;
  const isExact = Number.isFinite(value) && (Number.isSafeInteger(value) || !/^-?\d+$/.test(context?.source ?? ''));
  if (isExact) return value;
  throw usageError('a number of the secret is too large to be stored exactly: put it between quotes');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
