import type { Client } from 'pg';
import { migrations } from '../migrations/index.ts';

/** The database was migrated by a newer Coffer, and may hold what this one would misread. */
export class SchemaTooNewError extends Error {
  constructor(unknown: readonly string[]) {
    super(`the database belongs to a newer Coffer: this one does not know its migrations ${unknown.join(', ')}`);
    this.name = 'SchemaTooNewError';
  }
}

/** The database was migrated by an older Coffer, and only a server changes that. */
export class SchemaTooOldError extends Error {
  constructor(missing: readonly string[]) {
    super(
      `the database belongs to an older Coffer: start a server of this release on it once, which migrates it (${missing.join(', ')})`,
    );
    this.name = 'SchemaTooOldError';
  }
}

/** There is no vault where a command that needs one looks. */
export class NoVaultError extends Error {
  constructor(place: string) {
    super(
      `${place} holds no vault: give the command the server's COFFER_DATA_DIR or COFFER_DATABASE_URL, ` +
        'or run it in the folder of the server',
    );
    this.name = 'NoVaultError';
  }
}

/** Refuses a schema with migrations that this release does not know. */
export function refuseUnknown(executed: readonly string[]): void {
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = executed.filter((name) => !known.has(name));
  if (unknown.length > 0) throw new SchemaTooNewError(unknown);
}

/**
 * Checks that the database has exactly the schema of this release, and changes nothing.
 *
 * @throws NoVaultError, SchemaTooNewError, SchemaTooOldError
 */
export async function requireSchema(owner: Client): Promise<void> {
  const { rows: found } = await owner.query<{ found: boolean }>(
    "select to_regclass('schema_migration') is not null as found",
  );
  if (found[0]?.found !== true) throw new NoVaultError(`the database ${owner.database}`);
  const { rows } = await owner.query<{ name: string }>('select name from schema_migration');
  const executed = rows.map(({ name }) => name);
  refuseUnknown(executed);
  const missing = migrations.map(({ name }) => name).filter((name) => !executed.includes(name));
  if (missing.length > 0) throw new SchemaTooOldError(missing);
}
