import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { ImportError } from '../reading/import-error.ts';
import { requireNode } from '../reading/require-node.ts';
import { copySqlite } from './copy-sqlite.ts';
import { quoteName, type SourceDatabase, type SourceRow, type SourceRows } from './source-database.ts';

/**
 * Opens a copy of an sqlite database, which is deleted when it is closed.
 *
 * @throws ImportError where the file is no sqlite database, or this Node is too old
 */
export async function openSqlite(path: string): Promise<SourceDatabase> {
  requireNode('reading an sqlite database');
  const sqlite = await import('node:sqlite');
  const copy = await copySqlite(path);
  let database: DatabaseSync | undefined;
  const close = async () => {
    database?.close();
    await copy.remove();
  };
  try {
    database = new sqlite.DatabaseSync(copy.path);
    const tables = readTables(database);
    const open = database;
    return {
      tables: async () => tables,
      read: async (table, columns, orderBy = []) => readRows(open, tables, { table, columns, orderBy }),
      close,
    };
  } catch (error) {
    await close();
    throw new ImportError(`${path} is no whole sqlite database: ${reasonOf(error)}`);
  }
}

function readTables(database: DatabaseSync): ReadonlyMap<string, ReadonlySet<string>> {
  const names = database.prepare(`select name from sqlite_schema where type in ('table', 'view')`).all();
  const columnsOf = database.prepare('select name from pragma_table_info(?)');
  return new Map(
    names.map(({ name }) => {
      const table = String(name);
      return [table, new Set(columnsOf.all(table).map((column) => String(column['name'])))];
    }),
  );
}

interface Selection {
  readonly table: string;
  readonly columns: readonly string[];
  readonly orderBy: readonly string[];
}

/** Reads as many rows as it can: in a file that was cut off, some of a table's pages may be there. */
function readRows(
  database: DatabaseSync,
  tables: ReadonlyMap<string, ReadonlySet<string>>,
  { table, columns, orderBy }: Selection,
): SourceRows {
  const known = tables.get(table) ?? new Set();
  const selected = columns.filter((column) => known.has(column)).map(quoteName);
  const rows: SourceRow[] = [];
  try {
    for (const row of database.prepare(`select ${selected.join(', ')} from ${quoteName(table)}`).iterate()) {
      rows.push(Object.fromEntries(Object.entries(row).map(([name, value]) => [name, convert(value)])));
    }
  } catch (error) {
    return {
      rows,
      fault: `the database is damaged (${reasonOf(error)}): ${rows.length} rows of ${table} could be read`,
    };
  }
  const order = orderBy.find((column) => known.has(column) && columns.includes(column));
  return { rows: order === undefined ? rows : rows.toSorted((one, other) => compare(one[order], other[order])) };
}

function convert(value: SQLOutputValue): string | Uint8Array | null {
  return value === null || value instanceof Uint8Array ? value : String(value);
}

function compare(one: unknown, other: unknown): number {
  if (one === other) return 0;
  return String(one) < String(other) ? -1 : 1;
}

/** The message of SQLite, which quotes no row. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
