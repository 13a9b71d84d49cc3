import type { SecretChange } from '../../vault/credentials/credential-change.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import { VaultError } from '../../vault/errors.ts';
import type { JsonObject, JsonValue } from '../../vault/json.ts';
import { Secret } from '../../vault/secret.ts';
import { containsMask, unmask } from './masks.ts';
import { findProvider, isFreeForm } from './provider-catalogue.ts';

/** The names under which a dialect stores the secret fields of a credential; undefined where its callers choose them. */
type SecretFields = (provider: string) => readonly string[] | undefined;

const slackFields = ['bot_token', 'signing_secret', 'app_token'] as const;

/** Dialect → provider → field names. @see docs/secret-fields.md for the resulting table */
const secretFields: Readonly<Record<string, SecretFields>> = {
  coffer: () => undefined,
  flowise: (provider) => componentFields(provider),
  fishnet: () => ['key'],
  mielto: () => undefined,
  scale: () => ['payload'],
  miniflow: (provider) => (findProvider(provider)?.key === 'slack' ? slackFields : ['api_key']),
};

/**
 * The names under which a dialect stores the secret fields of a provider's credentials.
 *
 * @returns undefined where the dialect does not define them
 */
export function secretFieldsOf(dialect: string, provider: string): readonly string[] | undefined {
  return secretFields[dialect]?.(provider);
}

/** The new secret fields of an update, as its dialect names them. */
export interface SentFields {
  readonly dialect: string;
  /** The provider of the update; absent for the credential's. */
  readonly provider?: string | undefined;
  readonly sent: JsonObject;
  /** Whether a value means the current one. */
  readonly isUnchanged: (value: JsonValue) => boolean;
}

/**
 * The change that an update makes to a secret: `replace` drops the current fields that were not sent, `merge` keeps them. In
 * both, a value that means the current one keeps it.
 */
export function secretChangeOf(change: SentFields, mode: 'replace' | 'merge'): SecretChange {
  const { sent, isUnchanged } = change;
  const merges = mode === 'merge';
  const needsPresent = containsMask(sent, isUnchanged) || (merges && Object.keys(sent).length === 0);
  return {
    sent: new Secret(sent),
    needsPresent,
    merge: (present, credential) => {
      const fields = present.expose();
      const unmasked = unmask(inStoredNames(change, present, credential), fields, isUnchanged);
      return {
        secret: new Secret(merges ? { ...fields, ...unmasked } : unmasked),
        keepsPresent: merges || needsPresent,
      };
    },
  };
}

/**
 * Renames a sent field to the stored one where another dialect created the credential. Two fields correspond only where the
 * stored secret has one field and the writing dialect has one; in all other cases what was sent stays as it is.
 *
 * @throws VaultError `invalid_argument` where the writing dialect sends several secret fields of which none has the stored
 *   name
 */
export function inStoredNames(change: SentFields, present: Secret, credential: Credential): JsonObject {
  const { dialect, provider = credential.provider, sent } = change;
  const [stored, second] = Object.keys(present.expose());
  if (credential.origin === dialect || stored === undefined || second !== undefined) return sent;
  const fields = secretFieldsOf(dialect, provider);
  return fields === undefined ? renameAny(change, stored) : renameKnown(change, fields, stored);
}

/** Where the caller chooses the names, a field with the stored name stays, and a single changed field is the stored one. */
function renameAny({ sent, isUnchanged }: SentFields, stored: string): JsonObject {
  if (Object.hasOwn(sent, stored)) return sent;
  const names = Object.keys(sent);
  const changed = names.filter((name) => !isUnchanged(sent[name] ?? null));
  if (changed.length > 1) throw severalFields();
  const [name] = changed.length === 0 ? names : changed;
  return name === undefined ? sent : rename(sent, name, stored);
}

function renameKnown({ sent, isUnchanged }: SentFields, fields: readonly string[], stored: string): JsonObject {
  const name = fields.find((field) => Object.hasOwn(sent, field) && !isUnchanged(sent[field] ?? null));
  const explicit = Object.hasOwn(sent, stored) ? sent[stored] : undefined;
  const isExplicit = explicit !== undefined && !isUnchanged(explicit);
  if (name === undefined || isExplicit || fields.includes(stored)) return sent;
  if (fields.length > 1) throw severalFields();
  return rename(sent, name, stored);
}

function rename(sent: JsonObject, name: string, stored: string): JsonObject {
  const { [name]: value = null, [stored]: _, ...others } = sent;
  return { [stored]: value, ...others };
}

function severalFields(): VaultError {
  const message = 'secret has one field, and none of the fields that were sent has its name';
  return new VaultError('invalid_argument', message, { field: 'secret', reason: 'SECRET_FIELDS_DIFFER' });
}

/** The password fields of Flowise's component, or all its fields where it has none, since a URL may contain a password. */
function componentFields(providerName: string): readonly string[] | undefined {
  const provider = isFreeForm(providerName) ? undefined : findProvider(providerName);
  if (!provider) return undefined;
  const secrets = provider.fields.filter(({ kind }) => kind === 'secret');
  return (secrets.length > 0 ? secrets : provider.fields).map(({ name }) => name);
}
