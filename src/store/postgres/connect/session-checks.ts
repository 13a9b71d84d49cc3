import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { endClient, type SessionOpener } from './session-opener.ts';
import type { StoreLog } from './store-log.ts';

/** A pooler distributes the statements of one session over several sessions of the server. */
export class SharedSessionsError extends Error {
  constructor() {
    super(
      'a pooler stands before the database and mixes sessions (pgbouncer with pool_mode=transaction or statement): ' +
        'Coffer needs dedicated sessions for its locks, its role and LISTEN; give the address of the database itself, or of a pool with pool_mode=session',
    );
    this.name = 'SharedSessionsError';
  }
}

/** One round detects a pooler without other clients. */
const rounds = 3;

/**
 * Checks that each of two sessions keeps its settings. In a pooler that mixes sessions, locks and roles would end up in sessions
 * of other clients, so this check precedes any lock.
 *
 * The sessions read in the opposite order of writing: whether a pooler takes the most or the least recently used of its idle
 * sessions next, one of the two reads the setting of the other, or none.
 *
 * @throws SharedSessionsError
 */
export async function requireOwnSessions(first: Client, opener: SessionOpener): Promise<void> {
  const second = await opener.open();
  try {
    for (let round = 0; round < rounds; round += 1) {
      const marks = [first, second].map((client) => ({ client, mark: randomUUID() }));
      for (const { client, mark } of marks) await client.query(`set coffer.session = '${mark}'`);
      for (const { client, mark } of marks.toReversed()) await requireMark(client, mark);
    }
  } finally {
    await endClient(second);
  }
}

async function requireMark(client: Client, mark: string): Promise<void> {
  const { rows } = await client.query<{ mark: string | null }>(
    `select current_setting('coffer.session', true) as mark`,
  );
  if (rows[0]?.mark !== mark) throw new SharedSessionsError();
}

/** Loopback addresses: IPv4, IPv6, and IPv4-mapped IPv6. */
const loopback = /^(127\.|::1$|::ffff:127\.)/;

/** Warns if sessions cross a network without encryption. */
export function warnIfUnencrypted({ connection, host }: Client, log: StoreLog): void {
  const { stream } = connection;
  // A Unix socket has no address.
  if (stream instanceof TLSSocket || !(stream instanceof Socket) || stream.remoteAddress === undefined) return;
  if (loopback.test(stream.remoteAddress)) return;
  log.warn(
    { database: host },
    'sessions at the database are not encrypted though it is on another host: give sslmode=verify-full and sslrootcert in its URL',
  );
}
