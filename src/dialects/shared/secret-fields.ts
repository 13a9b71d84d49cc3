import type { Credential } from '../../vault/credentials/credential.ts';
import { VaultError } from '../../vault/errors.ts';
import type { JsonObject, JsonValue } from '../../vault/json.ts';
import { findProvider, isFreeForm } from './provider-catalogue.ts';
import type { Secret } from '../../vault/secret.ts';

/** The names under which a dialect stores the secret fields of a credential; undefined where its callers name them. */
type SecretFields = (provider: string) => readonly string[] | undefined;

const slackFields = ['bot_token', 'signing_secret', 'app_token'] as const;

/** Provider × dialect → field names: one row a dialect. @see docs/secret-fields.md, where it is written out */
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
 * @returns undefined where the dialect has no names of its own for them
 */
export function secretFieldsOf(dialect: string, provider: string): readonly string[] | undefined {
  return secretFields[dialect]?.(provider);
}

/** What a dialect sends to change a secret. */
export interface SentFields {
  readonly dialect: string;
  /** The provider that is sent with them; the credential's where absent. */
  readonly provider?: string | undefined;
  readonly sent: JsonObject;
  /** Whether a value stands for the present one. */
  readonly isUnchanged: (value: JsonValue) => boolean;
}

/**
 * Puts what a dialect sends under the names of the stored secret, where another dialect created the credential. Only a secret of
 * one field has a counterpart: where the writing dialect has one secret field, too, the two are the same, and the stored name
 * stays. What is sent is left as it is in all other cases.
 *
 * @throws VaultError `invalid_argument` where the writing dialect sends secret fields, has several, and none is the stored one
 */
export function inStoredNames(change: SentFields, present: Secret, credential: Credential): JsonObject {
  const { dialect, provider = credential.provider, sent } = change;
  const [stored, second] = Object.keys(present.expose());
  if (credential.origin === dialect || stored === undefined || second !== undefined) return sent;
  const fields = secretFieldsOf(dialect, provider);
  return fields === undefined ? renameAny(change, stored) : renameKnown(change, fields, stored);
}

/** The caller names the fields: a single one is the stored one. One that is called as the stored one says enough. */
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
  const message = 'secret has one field, and none of those that were sent is called as that is';
  return new VaultError('invalid_argument', message, { field: 'secret', reason: 'SECRET_FIELDS_DIFFER' });
}

/** Flowise's: what its component declares as passwords, or all that it declares where it has none; an address may hold one. */
function componentFields(providerName: string): readonly string[] | undefined {
  const provider = isFreeForm(providerName) ? undefined : findProvider(providerName);
  if (!provider) return undefined;
  const secrets = provider.fields.filter(({ kind }) => kind === 'secret');
  return (secrets.length > 0 ? secrets : provider.fields).map(({ name }) => name);
}
