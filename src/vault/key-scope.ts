import { invalidArgument } from './errors.ts';
import { parseId } from './ids.ts';
import { limits } from './limits.ts';
import { checkText } from './text-rules.ts';

/** The credentials of a workspace that an API key may access. A credential must match every list that is not empty. */
export interface KeyScope {
  /** Its provider must be one of these. */
  readonly providers: readonly string[];
  /** At least one of its tags must be one of these. */
  readonly tags: readonly string[];
  /** Its id must be one of these. */
  readonly credentialIds: readonly string[];
  /** Its subject must be one of these. */
  readonly subjects: readonly string[];
}

/** What a scope is compared with: a credential. */
export interface ScopedRecord {
  readonly id: string;
  readonly provider: string;
  readonly tags: readonly string[];
  readonly subject: string | null;
}

/** The scope of a key for all credentials of its workspace. */
export const unscoped: KeyScope = { providers: [], tags: [], credentialIds: [], subjects: [] };

/** Whether a scope excludes any credential. */
export function isScoped({ providers, tags, credentialIds, subjects }: KeyScope): boolean {
  return providers.length + tags.length + credentialIds.length + subjects.length > 0;
}

/** The scope that the grant of an API key has, if any. */
export function keyScopeOf({ providers, tags, credentialIds, subjects }: KeyScope): { readonly keyScope?: KeyScope } {
  const keyScope = { providers, tags, credentialIds, subjects };
  return isScoped(keyScope) ? { keyScope } : {};
}

/** Whether a record is within a scope. */
export function isWithin({ providers, tags, credentialIds, subjects }: KeyScope, record: ScopedRecord): boolean {
  return (
    (providers.length === 0 || providers.includes(record.provider)) &&
    (tags.length === 0 || record.tags.some((tag) => tags.includes(tag))) &&
    (credentialIds.length === 0 || credentialIds.includes(record.id)) &&
    (subjects.length === 0 || (record.subject !== null && subjects.includes(record.subject)))
  );
}

/**
 * Whether everything with a provider and a subject is within a scope: it has no other limits than these, and the texts that it
 * limits are given and in its lists.
 */
export function isPinned(
  { providers, tags, credentialIds, subjects }: KeyScope,
  { provider, subject }: { readonly provider: string | undefined; readonly subject: string | undefined },
): boolean {
  return tags.length + credentialIds.length === 0 && isPinnedTo(providers, provider) && isPinnedTo(subjects, subject);
}

function isPinnedTo(texts: readonly string[], text: string | undefined): boolean {
  return texts.length === 0 || (text !== undefined && texts.includes(text));
}

const listItemsMax = 100;

/**
 * Checks the scope of a new key.
 *
 * @returns the scope with ids in the form in which they are stored
 * @throws VaultError `invalid_argument`
 */
export function checkKeyScope(keyScope: KeyScope): KeyScope {
  checkTexts('providers', keyScope.providers, limits.shortTextCharacters);
  checkTexts('tags', keyScope.tags, limits.tagCharacters);
  checkTexts('credential_ids', keyScope.credentialIds, limits.shortTextCharacters);
  checkTexts('subjects', keyScope.subjects, limits.shortTextCharacters);
  const credentialIds = keyScope.credentialIds.map((text) => {
    const id = parseId(text);
    if (id === undefined) throw invalidArgument('credential_ids', 'must be UUIDs');
    return id;
  });
  return { ...keyScope, credentialIds };
}

function checkTexts(field: string, texts: readonly string[], charactersMax: number): void {
  if (texts.length > listItemsMax) throw invalidArgument(field, `must be at most ${listItemsMax}`);
  for (const text of texts) checkText(field, text, charactersMax);
}
