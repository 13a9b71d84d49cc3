import { invalidArgument } from './errors.ts';
import { parseId } from './ids.ts';
import { limits } from './limits.ts';

/** Which credentials of its workspace an API key is for. A list that is empty does not limit them; all others must fit. */
export interface KeyScope {
  /** The provider must be one of these. */
  readonly providers: readonly string[];
  /** One of the tags must be one of these. */
  readonly tags: readonly string[];
  /** The id must be one of these. */
  readonly credentialIds: readonly string[];
}

/** What a key has that is for all credentials of its workspace. */
export const unscoped: KeyScope = { providers: [], tags: [], credentialIds: [] };

/** Tells whether it limits anything. */
export function isScoped({ providers, tags, credentialIds }: KeyScope): boolean {
  return providers.length + tags.length + credentialIds.length > 0;
}

/** The grant's share of what an API key is limited to. */
export function keyScopeOf({ providers, tags, credentialIds }: KeyScope): { readonly keyScope?: KeyScope } {
  const keyScope = { providers, tags, credentialIds };
  return isScoped(keyScope) ? { keyScope } : {};
}

const listItemsMax = 100;

/**
 * Checks what a key is to be limited to.
 *
 * @returns the same, with ids as they are stored
 * @throws VaultError `invalid_argument`
 */
export function checkKeyScope(keyScope: KeyScope): KeyScope {
  checkTexts('providers', keyScope.providers, limits.shortTextCharacters);
  checkTexts('tags', keyScope.tags, limits.tagCharacters);
  checkTexts('credential_ids', keyScope.credentialIds, limits.shortTextCharacters);
  const credentialIds = keyScope.credentialIds.map((text) => {
    const id = parseId(text);
    if (id === undefined) throw invalidArgument('credential_ids', 'must be UUIDs');
    return id;
  });
  return { ...keyScope, credentialIds };
}

function checkTexts(field: string, texts: readonly string[], charactersMax: number): void {
  if (texts.length > listItemsMax) throw invalidArgument(field, `must be at most ${listItemsMax}`);
  for (const text of texts) {
    if (text === '') throw invalidArgument(field, 'must not hold an empty text');
    if (Array.from(text).length > charactersMax) {
      throw invalidArgument(field, `must each be at most ${charactersMax} characters`);
    }
    if (text.includes('\0')) throw invalidArgument(field, 'must not contain U+0000');
  }
}
