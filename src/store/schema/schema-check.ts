import type { Client } from 'pg';
import { migrations } from '../migrations/index.ts';

const firstChained = '005-audit-chain';

/** A newer release has migrated the database, which may contain data that this one would misread. */
export class SchemaTooNewError extends Error {
  constructor(unknown: readonly string[]) {
    super(`the database belongs to a newer Coffer: this one does not know its migrations ${unknown.join(', ')}`);
    this.name = 'SchemaTooNewError';
  }
}

/** The database has the schema of an older release, which only a server migrates. */
export class SchemaTooOldError extends Error {
  constructor(missing: readonly string[]) {
    super(
      `the database belongs to an older Coffer: start a server of this release on it once, or run the command migrate as the owner of its tables (${missing.join(', ')})`,
    );
    this.name = 'SchemaTooOldError';
  }
}

/** A command needs a vault, and there is none. */
export class NoVaultError extends Error {
  constructor(place: string) {
    super(
      `${place} holds no vault: give the command the server's COFFER_DATA_DIR or COFFER_DATABASE_URL, ` +
        'or run it in the folder of the server',
    );
    this.name = 'NoVaultError';
  }
}

/** A build before the chained audit trail has written the database; no migration can preserve its events. */
export class UnchainedTrailError extends Error {
  constructor() {
    super(
      'the database was written by a build from before release 0.1.0, whose audit trail is not chained: nothing was changed; ' +
        'move its credentials to a new vault',
    );
    this.name = 'UnchainedTrailError';
  }
}

/** Rejects a schema with migrations that this release does not know. */
export function rejectUnknownMigrations(executed: readonly string[]): void {
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = executed.filter((name) => !known.has(name));
  if (unknown.length > 0) throw new SchemaTooNewError(unknown);
}

/** Rejects a database whose trail would be deleted by the migration that chains it. */
export async function rejectUnchainedTrail(owner: Client): Promise<void> {
  const executed = await executedMigrations(owner);
  if (executed.length > 0 && !executed.includes(firstChained)) throw new UnchainedTrailError();
}

/**
 * Checks that the database has exactly the schema of this release, and changes nothing.
 *
 * @throws NoVaultError, SchemaTooNewError, SchemaTooOldError
 */
export async function requireSchema(owner: Client): Promise<void> {
  const executed = await executedMigrations(owner);
  if (executed.length === 0) throw new NoVaultError(`the database ${owner.database}`);
  rejectUnknownMigrations(executed);
  const missing = migrations.map(({ name }) => name).filter((name) => !executed.includes(name));
  if (missing.length > 0) throw new SchemaTooOldError(missing);
}

/** Whether the tables belong to another user whose rights this one does not have, so that they are migrated separately. */
export async function isServingUser(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ isOwner: boolean }>(
    `select pg_has_role(relowner, 'usage') as "isOwner" from pg_class where oid = to_regclass('credential')`,
  );
  return rows[0]?.isOwner === false;
}

async function executedMigrations(owner: Client): Promise<readonly string[]> {
  const { rows: found } = await owner.query<{ found: boolean }>(
    "select to_regclass('schema_migration') is not null as found",
  );
  if (found[0]?.found !== true) return [];
  const { rows } = await owner.query<{ name: string }>('select name from schema_migration');
  return rows.map(({ name }) => name);
}
