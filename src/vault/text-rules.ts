import { invalidArgument } from './errors.ts';
import { limits } from './limits.ts';

/**
 * Checks a required text.
 *
 * @param charactersMax in Unicode code points
 * @throws VaultError `invalid_argument`
 */
export function checkText(field: string, text: string, charactersMax: number): void {
  if (text === '') throw invalidArgument(field, 'must not be empty');
  // A text never has more code points than UTF-16 units, so most texts need no counting.
  if (text.length > charactersMax && Array.from(text).length > charactersMax) {
    throw invalidArgument(field, `must be at most ${charactersMax} characters`);
  }
  checkCharacters(field, text);
}

/** As `checkText` for a text that may be absent or empty. */
export function checkOptionalText(field: string, text: string | null, charactersMax: number): void {
  if (text !== null && text !== '') checkText(field, text, charactersMax);
}

/** As `checkText` for the name of a user, a workspace or an API key, which must not be blank. */
export function checkName(field: string, name: string): void {
  if (name.trim() === '') throw invalidArgument(field, 'must not be empty');
  checkText(field, name, limits.nameCharacters);
}

/**
 * Rejects the characters that PostgreSQL cannot store.
 *
 * @throws VaultError `invalid_argument`
 */
export function checkCharacters(field: string, text: string): void {
  if (text.includes('\0')) throw invalidArgument(field, 'must not contain U+0000');
  if (!text.isWellFormed()) throw invalidArgument(field, 'must not contain half of a surrogate pair');
}
