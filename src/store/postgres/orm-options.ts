import { randomUUID } from 'node:crypto';
import { clientConfigOf, databaseNameOf, type DatabaseConnection } from './connect/database-connection.ts';
import { entities } from '../entities/index.ts';
import { poolSessionsOf, releaseEndedClients } from './sessions/pool-session.ts';
import { SessionOpener } from './connect/session-opener.ts';
import type { StoreLog } from './connect/store-log.ts';

/** The options of every ORM instance. It connects at the first use. */
export function ormOptionsOf(connection: DatabaseConnection, log: StoreLog) {
  return {
    // Two instances with the same context name would share transactions.
    contextName: randomUUID(),
    dbName: databaseNameOf(connection),
    ensureDatabase: false,
    entities,
    logger: (message: string) => log.warn({}, message),
    colors: false,
  };
}

/** The options of every pool. */
export function driverOptionsOf(connection: DatabaseConnection, opener = new SessionOpener(connection)) {
  return { ...clientConfigOf(connection), Client: poolSessionsOf(opener), onPoolCreated: releaseEndedClients };
}
