import { p } from '@mikro-orm/postgresql';

/**
 * The last 16 hex digits of the row's id, upper-case, as the short ids of callers spell it. The database derives it, so
 * that it can't say otherwise than the id.
 *
 * @see src/vault/ids.ts
 */
export function shortIdColumn() {
  return p.string().columnType('char(16)').generated(`(upper(right(replace(id::text, '-', ''), 16))) stored`);
}
