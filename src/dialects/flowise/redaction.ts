import { findField, isFreeForm } from '../shared/provider-catalogue.ts';
import type { JsonObject, JsonValue } from '../../vault/json.ts';
import { Secret } from '../../vault/secret.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import type { SecretChange } from '../../vault/credentials/secret-change.ts';
import { holdsMask, isMask, unmask } from '../shared/masks.ts';
import { inStoredNames, secretFieldsOf } from '../shared/secret-fields.ts';

/** What Flowise shows in place of a value, and takes for "unchanged". @see https://github.com/FlowiseAI/Flowise packages/server/src/utils */
export const blankMarker = '_FLOWISE_BLANK_07167752-1a71-43b1-bf8f-4f32252165db';

/** The dialect's name, and the origin of what it creates. */
export const flowiseName = 'flowise';

/** Data as a request brings them, and the component that they are for, where it names one. */
export interface SentData {
  readonly sent: JsonObject;
  readonly provider?: string | undefined;
}

/** Shows which values there are, and none of them. */
export function blankValues(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, blankMarker]));
}

/** Shows the values that are addresses, and the marker in place of all others. */
export function showAddresses(provider: string, secret: Secret): JsonObject {
  return Object.fromEntries(
    Object.entries(secret.expose()).map(([name, value]) => [name, isAddress(provider, name) ? value : blankMarker]),
  );
}

/**
 * Whether Flowise's page shows a value in clear: what the component declares, and not as a password. A field that the credential's
 * own dialect takes for a secret is none, nor an address that has a password in it.
 */
export function isPlain({ origin, provider }: Credential, name: string, value: JsonValue): boolean {
  const field = isFreeForm(provider) ? undefined : findField(provider, name);
  if (!field || field.kind === 'secret') return false;
  if (origin !== flowiseName && secretFieldsOf(origin, provider)?.includes(name)) return false;
  return field.kind !== 'url' || !holdsPassword(value);
}

function holdsPassword(value: JsonValue): boolean {
  return typeof value !== 'string' || /\/\/[^/]*@/.test(value);
}

/** Takes the markers out of new data: there is nothing that they could stand for. */
export function withoutMarkers(sent: JsonObject): JsonObject {
  return unmask(sent, {}, isMarker);
}

/** Replaces the present data; a marker among the new ones stands for the present value. */
export function replacedBy(data: SentData): SecretChange {
  const needsPresent = holdsMask(data.sent, isMarker);
  return {
    sent: new Secret(data.sent),
    needsPresent,
    merge: (present, credential) => {
      const sent = inStoredNames({ ...data, dialect: flowiseName, isUnchanged: isMarker }, present, credential);
      return { secret: new Secret(unmask(sent, present.expose(), isMarker)), keepsPresent: needsPresent };
    },
  };
}

/** Merges data over the present ones, key by key; a marker or mask among them leaves the present value as it is. */
export function mergedOver(data: SentData): SecretChange {
  return {
    sent: new Secret(data.sent),
    needsPresent: Object.keys(data.sent).length === 0 || holdsMask(data.sent, isUnchanged),
    merge: (present, credential) => {
      const sent = inStoredNames({ ...data, dialect: flowiseName, isUnchanged }, present, credential);
      const fields = present.expose();
      return { secret: new Secret({ ...fields, ...unmask(sent, fields, isUnchanged) }), keepsPresent: true };
    },
  };
}

/** What the catalogue does not know counts as an address where its key says so: `baseUrl`, `UPSTASH_VECTOR_REST_URL`. */
function isAddress(provider: string, name: string): boolean {
  const field = findField(provider, name);
  return field ? field.kind === 'url' : /url$/i.test(name);
}

function isUnchanged(value: JsonValue): boolean {
  return isMarker(value) || isMask(value);
}

function isMarker(value: JsonValue): boolean {
  return value === blankMarker;
}
