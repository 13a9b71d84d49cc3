import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isJsonObject, type JsonValue } from '../vault/json.ts';

/** The version in package.json, such as `0.1.0`. */
export function productVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const manifest: JsonValue = JSON.parse(text);
  const version = isJsonObject(manifest) ? manifest['version'] : undefined;
  assert(typeof version === 'string');
  return version;
}
