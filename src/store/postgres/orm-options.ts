import { randomUUID } from 'node:crypto';
import { clientConfigOf, databaseNameOf, type DatabaseConnection } from './connect/database-connection.ts';
import { entities } from '../entities/index.ts';
import { poolSessionsOf, releaseEndedClients } from './sessions/pool-session.ts';
import { SessionOpener } from './connect/session-opener.ts';
import type { StoreLog } from './connect/store-log.ts';

/** What every ORM of ours has in common. It does not connect before it is used. */
export function ormOptionsOf(connection: DatabaseConnection, log: StoreLog) {
  return {
    // The ORM keeps its contexts by name, and two instances of one name would share transactions.
    contextName: randomUUID(),
    dbName: databaseNameOf(connection),
    ensureDatabase: false,
    entities,
    logger: (message: string) => log.warn({}, message),
    colors: false,
  };
}

/** What every pool of ours has in common. */
export function driverOptionsOf(connection: DatabaseConnection, opener = new SessionOpener(connection)) {
  return { ...clientConfigOf(connection), Client: poolSessionsOf(opener), onPoolCreated: releaseEndedClients };
}
