import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { endClient, type SessionOpener } from './session-opener.ts';
import type { StoreLog } from './store-log.ts';

/** A pooler gives statements of one session to several sessions of the server. */
export class SharedSessionsError extends Error {
  constructor() {
    super(
      'a pooler stands before the database and mixes sessions (pgbouncer with pool_mode=transaction or statement): ' +
        'Coffer needs sessions of its own, for its locks, its role and LISTEN; give the address of the database itself, or of a pool with pool_mode=session',
    );
    this.name = 'SharedSessionsError';
  }
}

/** Once is enough for a pooler that nobody else uses. */
const rounds = 3;

/**
 * Checks that each of two sessions finds what it has set itself. A pooler that mixes them would let locks and roles end up in
 * sessions of others, so this comes before any lock is taken.
 *
 * The order of reading is that of writing turned round: whichever of its idle sessions a pooler takes next, the last one used or
 * the one that has waited longest, one of the two reads what the other has set, or nothing.
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

/** Of this machine: IPv4, IPv6, and IPv4 written as IPv6. */
const loopback = /^(127\.|::1$|::ffff:127\.)/;

/** Warns of sessions that anybody between this machine and that of the database can read and change. */
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
