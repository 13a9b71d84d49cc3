import type { Pool, PoolClient } from 'pg';

/** A holder that notices the loss by itself releases within this time; releasing twice would throw in its face. */
const graceMs = 250;

/**
 * Gives back the pool's slots of connections that ended while they were lent out. Kysely, on which the ORM runs, does
 * not release a connection that is lost inside a transaction: the slot would be gone for ever, and closing would hang.
 *
 * @see https://github.com/kysely-org/kysely/issues/1990
 */
export function releaseEndedClients(pool: Pool): void {
  const lent = new Set<PoolClient>();
  pool.on('acquire', (client) => lent.add(client));
  pool.on('release', (_error, client) => lent.delete(client));
  pool.on('connect', (client) => {
    client.once('end', () => {
      setTimeout(() => lent.has(client) && client.release(true), graceMs);
    });
  });
}
