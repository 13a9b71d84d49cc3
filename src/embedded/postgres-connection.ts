import { Client } from 'pg';
import { errorCodeOf } from './embedded-error.ts';

/** How to reach a PostgreSQL over its Unix socket; pg and MikroORM take these fields as they are. */
export type PostgresConnection = {
  /** The folder that holds the socket; an absolute path, which is how pg knows it from a host name. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
};

/** What trying to connect tells: a session, a server that is there but not serving yet (or any more), or nobody. */
export type Probe = { readonly state: 'ready'; readonly session: Client } | { readonly state: 'busy' | 'absent' };

const connectTimeoutMs = 5_000;

// cannot_connect_now: starting up, recovering or shutting down. too_many_connections.
const busyCodes = new Set(['57P03', '53300']);
const absentCodes = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTDIR']);

/** Tries to open a session. The caller ends it. Errors that waiting won't cure are thrown. */
export async function probe(connection: PostgresConnection): Promise<Probe> {
  const session = new Client({
    ...connection,
    application_name: 'coffer embedded',
    connectionTimeoutMillis: connectTimeoutMs,
  });
  // The end of a session arrives as an error, too, and one without a listener would end the process; `end` tells it.
  session.on('error', () => undefined);
  try {
    await session.connect();
    return { state: 'ready', session };
  } catch (error) {
    return { state: stateOf(error) };
  }
}

function stateOf(error: unknown): 'busy' | 'absent' {
  const code = errorCodeOf(error);
  if (code !== undefined && busyCodes.has(code)) return 'busy';
  // A postmaster that dies while we speak to it ends the stream without a code.
  if (code === undefined || absentCodes.has(code)) return 'absent';
  throw error;
}
