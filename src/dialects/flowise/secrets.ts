import type { SecretChange } from '../../vault/credentials/credential-change.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import type { JsonObject, JsonValue } from '../../vault/json.ts';
import type { Secret } from '../../vault/secret.ts';
import { isMask, unmask } from '../shared/masks.ts';
import { findField, isFreeForm } from '../shared/provider-catalogue.ts';
import { secretChangeOf, secretFieldsOf } from '../shared/secret-fields.ts';

/** What Flowise shows in place of a value, and reads as "unchanged". @see https://github.com/FlowiseAI/Flowise packages/server/src/utils */
export const blankMarker = '_FLOWISE_BLANK_07167752-1a71-43b1-bf8f-4f32252165db';

/** The name of the dialect, and the `origin` of the credentials that it creates. */
export const dialectName = 'flowise';

/** The data of a request, and the component that it names, if any. */
export interface SentData {
  readonly sent: JsonObject;
  readonly provider?: string | undefined;
}

/** The marker under each field name: shows which fields exist, and no value. */
export function blankValues(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, blankMarker]));
}

/** The secret with the marker in place of all values but those of URL fields. */
export function showUrls(provider: string, secret: Secret): JsonObject {
  return Object.fromEntries(
    Object.entries(secret.expose()).map(([name, value]) => [name, isUrl(provider, name) ? value : blankMarker]),
  );
}

/**
 * Whether Flowise's UI shows a value in clear: that of a field which the component declares as no password. Not shown are
 * fields that are secret in the dialect that created the credential, and URLs that contain a password.
 */
export function isPlain({ origin, provider }: Credential, name: string, value: JsonValue): boolean {
  const field = isFreeForm(provider) ? undefined : findField(provider, name);
  if (!field || field.kind === 'secret') return false;
  if (origin !== dialectName && secretFieldsOf(origin, provider)?.includes(name)) return false;
  return field.kind !== 'url' || !containsPassword(value);
}

function containsPassword(value: JsonValue): boolean {
  return typeof value !== 'string' || /\/\/[^/]*@/.test(value);
}

/** Drops the markers from the data of a create, where no current value exists for them. */
export function withoutMarkers(sent: JsonObject): JsonObject {
  return unmask(sent, {}, isMarker);
}

/** Replaces the current data; a marker keeps the current value of its field. */
export function replacedBy(data: SentData): SecretChange {
  return secretChangeOf({ ...data, dialect: dialectName, isUnchanged: isMarker }, 'replace');
}

/** Merges data into the current ones, key by key; a marker or a mask keeps the current value of its field. */
export function mergedOver(data: SentData): SecretChange {
  return secretChangeOf({ ...data, dialect: dialectName, isUnchanged }, 'merge');
}

/** A field outside of the catalogue is a URL where its name ends in `url`: `baseUrl`, `UPSTASH_VECTOR_REST_URL`. */
function isUrl(provider: string, name: string): boolean {
  const field = findField(provider, name);
  return field ? field.kind === 'url' : /url$/i.test(name);
}

function isUnchanged(value: JsonValue): boolean {
  return isMarker(value) || isMask(value);
}

function isMarker(value: JsonValue): boolean {
  return value === blankMarker;
}
