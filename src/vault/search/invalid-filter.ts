import { VaultError } from '../errors.ts';

/**
 * The refusal of a filter. It names a position and what was expected there, never what was found.
 *
 * @param position counted in UTF-16 units from 0; the message counts characters from 1
 */
export function invalidFilter(text: string, position: number, expected: string): VaultError {
  const character = Array.from(text.slice(0, position)).length + 1;
  const message = `filter is invalid at character ${character}: expected ${expected}`;
  return new VaultError('invalid_argument', message, { field: 'filter', reason: 'INVALID_FILTER' });
}
