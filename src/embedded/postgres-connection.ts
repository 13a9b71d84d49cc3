import { Client } from 'pg';
import { errorCodeOf } from './errors.ts';

/** The address of a PostgreSQL on its Unix socket. pg and MikroORM accept these fields directly. */
export type PostgresConnection = {
  /** The folder of the socket as an absolute path, by which pg distinguishes it from a host name. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
};

/** The result of a connection attempt: a session, a server that is starting or stopping, or no server. */
export type Probe = { readonly state: 'ready'; readonly session: Client } | { readonly state: 'busy' | 'absent' };

const connectTimeoutMs = 5_000;

// cannot_connect_now: starting up, recovering or shutting down. too_many_connections.
const busyCodes = new Set(['57P03', '53300']);
const absentCodes = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTDIR']);

/** Tries to open a session, which the caller must end. Throws errors that do not pass with time. */
export async function probe(connection: PostgresConnection): Promise<Probe> {
  const session = new Client({
    ...connection,
    application_name: 'coffer embedded',
    connectionTimeoutMillis: connectTimeoutMs,
  });
  // The end of a session is emitted as an error as well, which would end the process without a listener.
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
  // A postmaster that dies during the handshake ends the stream without a code.
  if (code === undefined || absentCodes.has(code)) return 'absent';
  throw error;
}
