import { invalidArgument } from '../errors.ts';

const charactersMin = 8;
/** Argon2id accepts any length; this bounds the work of one request. */
const charactersMax = 1_024;

/** @throws VaultError `invalid_argument` for a password that is too short or too long */
export function checkPassword(field: string, password: string): void {
  if (characters(password) < charactersMin)
    throw invalidArgument(field, `must be at least ${charactersMin} characters`);
  if (isTooLong(password)) throw invalidArgument(field, `must be at most ${charactersMax} characters`);
}

/** Whether a password is too long to be any user's, so that it need not be compared. */
export function isTooLong(password: string): boolean {
  return characters(password) > charactersMax;
}

/** The number of code points, as both setting a password and logging in count it. */
function characters(text: string): number {
  return Array.from(text).length;
}

/**
 * The value that replaces the hash of a withdrawn password. No password matches it, and it keeps the first set-up closed. It contains
 * the id of the new API key, so that no two withdrawals are equal.
 */
export function withdrawnPassword(apiKeyId: string): string {
  return `!${apiKeyId}`;
}

/** Whether a password hash belongs to a password that was not withdrawn. */
export function isPassword(passwordHash: string | null | undefined): passwordHash is string {
  return typeof passwordHash === 'string' && !passwordHash.startsWith('!');
}
