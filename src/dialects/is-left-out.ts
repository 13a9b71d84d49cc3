import type { Fault } from '../gateway/contract/dialect.ts';

/** Tells whether a fault is that of a required member which is missing, `null` or empty: to several dialects these are one. */
export function isLeftOut({ rule, input }: Fault): boolean {
  return rule === 'missing' || rule === 'too_short' || input === null;
}
