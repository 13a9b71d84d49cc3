import { invalidArgument, VaultError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { limits } from '../limits.ts';
import { isStorableTime } from '../time.ts';
import { checkCharacters, checkOptionalText, checkText } from '../text-rules.ts';
import type { Secret } from '../secret.ts';
import type { CredentialDraft } from './credential.ts';

/** The fields that most dialects do not have. */
export const draftDefaults = {
  nameIsExclusive: false,
  description: null,
  category: null,
  scope: null,
  subject: null,
  tags: [],
  labels: {},
  metadata: null,
  isActive: true,
  expiresAt: null,
} as const satisfies Partial<CredentialDraft>;

/**
 * Checks a draft against the limits of the vault, which are the same for all dialects.
 *
 * @throws VaultError `invalid_argument`, naming the first field at fault
 */
export function checkDraft(draft: CredentialDraft): void {
  checkText('name', draft.name, limits.nameCharacters);
  checkText('provider', draft.provider, limits.shortTextCharacters);
  checkText('auth_type', draft.authType, limits.shortTextCharacters);
  checkOptionalText('description', draft.description, limits.descriptionCharacters);
  checkOptionalText('category', draft.category, limits.shortTextCharacters);
  checkOptionalText('scope', draft.scope, limits.shortTextCharacters);
  checkOptionalText('subject', draft.subject, limits.shortTextCharacters);
  checkTags(draft.tags);
  checkLabels(draft.labels);
  checkMetadata(draft.metadata);
  checkTime('expires_at', draft.expiresAt);
}

/**
 * Checks a secret against its limits: at least one field unless it may be empty, and at most so many bytes of JSON.
 *
 * @throws VaultError `invalid_argument`
 */
export function checkSecret(secret: Secret, secretBytesMax: number, mayBeEmpty = false): void {
  const text = JSON.stringify(secret.expose());
  if (text === '{}' && !mayBeEmpty) throw invalidArgument('secret', 'must have at least one field');
  if (isLonger(text, secretBytesMax)) throw secretTooLarge(secretBytesMax);
  if (mayBeUnstorable(text)) rejectUnstorable('secret', secret.expose());
}

/**
 * Checks a secret that keeps present values against the limit, for a caller who may not reveal. It uses their padded length
 * only, because repeated attempts would reveal the exact length.
 *
 * @param presentBytes the padded length of the present secret
 * @throws VaultError `invalid_argument`
 */
export function checkMergedSecret(presentBytes: number, sent: Secret, secretBytesMax: number): void {
  const sentBytes = new TextEncoder().encode(JSON.stringify(sent.expose())).length;
  if (presentBytes + sentBytes > secretBytesMax) throw secretTooLarge(secretBytesMax);
}

function secretTooLarge(bytesMax: number): VaultError {
  const message = `secret must be at most ${bytesMax} bytes of JSON`;
  return new VaultError('invalid_argument', message, { field: 'secret', bytesMax });
}

function checkTime(field: string, time: Date | null): void {
  if (time !== null && !isStorableTime(time)) throw invalidArgument(field, 'must be a time of the years 1 to 9999');
}

function checkTags(tags: readonly string[]): void {
  if (tags.length > limits.tags) throw invalidArgument('tags', `must be at most ${limits.tags}`);
  for (const tag of tags) checkText('tags', tag, limits.tagCharacters);
}

function checkLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  if (entries.length > limits.labels) throw invalidArgument('labels', `must be at most ${limits.labels}`);
  for (const [name, value] of entries) {
    checkText('labels', name, limits.labelCharacters);
    checkOptionalText('labels', value, limits.labelCharacters);
  }
}

function checkMetadata(metadata: JsonObject | null): void {
  if (metadata === null) return;
  const text = JSON.stringify(metadata);
  if (isLonger(text, limits.metadataBytes)) {
    throw invalidArgument('metadata', `must be at most ${limits.metadataBytes} bytes of JSON`);
  }
  if (mayBeUnstorable(text)) rejectUnstorable('metadata', metadata);
}

/** Whether the value needs a closer look: `\\\\u0000` contains an escaped backslash, and `null` may be intended. */
function mayBeUnstorable(text: string): boolean {
  return text.includes('\\u0000') || text.includes('\\ud') || text.includes('null');
}

/**
 * PostgreSQL cannot store U+0000 and unpaired surrogates. A binary protocol may send NaN and infinities, which JSON would turn
 * into null.
 */
function rejectUnstorable(field: string, value: unknown): void {
  if (typeof value === 'string') checkCharacters(field, value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalidArgument(field, 'must hold finite numbers');
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    rejectUnstorable(field, name);
    rejectUnstorable(field, member);
  }
}

/** A UTF-16 unit takes at most three bytes of UTF-8, so most texts need no counting. */
function isLonger(text: string, bytesMax: number): boolean {
  return 3 * text.length > bytesMax && new TextEncoder().encode(text).length > bytesMax;
}
