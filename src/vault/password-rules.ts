import { invalidArgument } from './errors.ts';

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
