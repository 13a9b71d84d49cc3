import { fileURLToPath } from 'node:url';
import { usageError } from '../reading/import-error.ts';
import { openPostgres } from './postgres-database.ts';
import { openSqlite } from './sqlite-database.ts';
import type { SourceDatabase } from './source-database.ts';

/** Where a database is. */
export type DatabasePlace =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly hasPassword: boolean };

/**
 * Parses the path or URL of a database, also as SQLAlchemy writes URLs: `sqlite:///data.db`, `postgresql+psycopg2://…`.
 *
 * @throws ImportError for a database that cannot be read
 */
export function parseDatabasePlace(text: string): DatabasePlace {
  const scheme = /^([a-z][a-z0-9]+)(?:\+[a-z0-9_]+)?:/i.exec(text);
  if (!scheme) return { kind: 'sqlite', path: text };
  const rest = text.slice(scheme[0].length);
  const name = String(scheme[1]).toLowerCase();
  switch (name) {
    case 'postgres':
    case 'postgresql':
      return { kind: 'postgres', url: `postgres:${rest}`, hasPassword: hasPassword(`postgres:${rest}`) };
    case 'sqlite':
      return { kind: 'sqlite', path: decodeURIComponent(rest.replace(/^\/\/\//, '').replace(/\?.*$/, '')) };
    case 'file':
      return { kind: 'sqlite', path: fileURLToPath(text) };
    default:
      throw usageError(`databases of ${name} cannot be read; sqlite files and PostgreSQL can`);
  }
}

/** Reads from the database of a path or URL, and closes it. */
export async function withDatabase<Result>(
  text: string,
  work: (database: SourceDatabase) => Promise<Result>,
): Promise<Result> {
  const place = parseDatabasePlace(text);
  const database = await (place.kind === 'sqlite' ? openSqlite(place.path) : openPostgres(place.url));
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

function hasPassword(url: string): boolean {
  if (!URL.canParse(url)) throw usageError('the URL of the database is malformed');
  const { password, searchParams } = new URL(url);
  return password !== '' || searchParams.has('password');
}
