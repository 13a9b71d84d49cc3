import { invalidArgument } from '../errors.ts';

const charactersMin = 8;
/** Argon2id takes any length; this bounds what one request can make it chew. */
const charactersMax = 1_024;

/** @throws VaultError `invalid_argument` for a password that nobody may choose */
export function checkPassword(field: string, password: string): void {
  if (characters(password) < charactersMin)
    throw invalidArgument(field, `must be at least ${charactersMin} characters`);
  if (isTooLong(password)) throw invalidArgument(field, `must be at most ${charactersMax} characters`);
}

/** Tells whether a password can be nobody's, so that it need not be compared. */
export function isTooLong(password: string): boolean {
  return characters(password) > charactersMax;
}

/** Counts code points, so that setting a password and logging in with it agree on its length. */
function characters(text: string): number {
  return Array.from(text).length;
}

/**
 * What stands in place of a password's hash that was withdrawn when an API key was replaced: no password matches it, and it
 * keeps the first set-up from being open again. It names the new key, so that no two withdrawals look alike.
 */
export function withdrawnPassword(apiKeyId: string): string {
  return `!${apiKeyId}`;
}

/** Tells whether a user can log in by what stands in the place of his password's hash. */
export function isPassword(passwordHash: string | null | undefined): passwordHash is string {
  return typeof passwordHash === 'string' && !passwordHash.startsWith('!');
}
