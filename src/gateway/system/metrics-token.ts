import { createHash, timingSafeEqual } from 'node:crypto';

/** Tells whether an `Authorization` header holds the token that metrics may be read with. */
export type IsMetricsToken = (authorization: string | undefined) => boolean;

/**
 * Compares in constant time, and without the database, so that metrics can be read while it is away.
 *
 * @param token null where no token is configured; then no header holds it
 */
export function createMetricsTokenCheck(token: string | null): IsMetricsToken {
  if (token === null) return () => false;
  const expected = digest(token);
  return (authorization = '') => {
    const given = /^bearer +(\S+)$/i.exec(authorization)?.[1];
    return given !== undefined && timingSafeEqual(digest(given), expected);
  };
}

/** Makes texts of any length comparable. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
