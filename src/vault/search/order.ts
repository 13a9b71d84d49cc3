import { invalidArgument, type VaultError } from '../errors.ts';

/** What lists are sorted by, by their names in requests. */
export const sortFields = {
  created_at: 'createdAt',
  updated_at: 'updatedAt',
  name: 'name',
  provider: 'provider',
  expires_at: 'expiresAt',
} as const;

export type SortField = (typeof sortFields)[keyof typeof sortFields];

/** A field to sort by. Absent values are last in either direction; texts are in the order of their code points. */
export interface SortKey {
  readonly field: SortField;
  readonly order: 'ascending' | 'descending';
}

/** Newest first. */
export const newestFirst: readonly SortKey[] = [{ field: 'createdAt', order: 'descending' }];

const keysMax = 3;
const names = Object.keys(sortFields);
const fieldOfName: ReadonlyMap<string, SortField> = new Map(Object.entries(sortFields));
const orders = { asc: 'ascending', desc: 'descending' } as const;

/**
 * Parses an order such as `created_at desc, name`; blank means newest first. Ids, in the direction of the last field, order
 * equal values.
 *
 * @throws VaultError `invalid_argument`
 * @see https://google.aip.dev/132#ordering
 */
export function parseOrder(text: string): readonly SortKey[] {
  if (text.trim() === '') return newestFirst;
  const keys = text.split(',').map(parseKey);
  if (keys.length > keysMax) throw invalidOrder(`has at most ${keysMax} fields`);
  if (new Set(keys.map(({ field }) => field)).size < keys.length) throw invalidOrder('names each field once');
  return keys;
}

function parseKey(text: string): SortKey {
  const [name = '', direction = 'asc', ...rest] = text.trim().split(/\s+/);
  const field = fieldOfName.get(name);
  if (!field || rest.length > 0 || !(direction === 'asc' || direction === 'desc')) {
    throw invalidOrder(`must be a list of ${names.join(', ')}, each with " desc" for the reverse`);
  }
  return { field, order: orders[direction] };
}

function invalidOrder(message: string): VaultError {
  return invalidArgument('order_by', message);
}
