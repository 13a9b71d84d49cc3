import { errorCode, ImportError } from '../reading/import-error.ts';
import { quoteName, type SourceDatabase, type SourceRow, type SourceRows } from './source-database.ts';

const connectTimeoutMs = 10_000;

/**
 * Opens a PostgreSQL database in one transaction that reads a single snapshot and cannot write. A password that the URL lacks
 * comes from PGPASSWORD or the file of PGPASSFILE.
 *
 * @param url `postgres://…`; `?options=-c%20search_path%3Dname` selects another schema
 * @throws ImportError where it cannot connect
 */
export async function openPostgres(url: string): Promise<SourceDatabase> {
  const { Client } = (await import('pg')).default;
  const client = new Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs });
  // A connection that is lost between two queries fails the next query; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('begin transaction isolation level repeatable read read only');
  } catch (error) {
    await client.end().catch(() => undefined);
    throw new ImportError(`cannot open the database: ${describe(error)}`);
  }
  const query = async (text: string): Promise<SourceRow[]> => {
    try {
      return (await client.query<SourceRow>(text)).rows;
    } catch (error) {
      throw new ImportError(`cannot read the database: ${describe(error)}`);
    }
  };
  const tables = readTables(query);
  // Whether it failed is the concern of the first caller that asks for it.
  tables.catch(() => undefined);
  return {
    tables: () => tables,
    read: async (table, columns, orderBy = []) => readRows(query, await tables, { table, columns, orderBy }),
    close: () => client.end(),
  };
}

type Query = (text: string) => Promise<SourceRow[]>;

async function readTables(query: Query): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const rows = await query(
    `select table_name::text, column_name::text from information_schema.columns
     where table_schema = any (current_schemas(false))`,
  );
  const tables = new Map<string, Set<string>>();
  for (const { table_name: table, column_name: column } of rows) {
    const columns = tables.get(String(table)) ?? new Set();
    tables.set(String(table), columns.add(String(column)));
  }
  return tables;
}

interface Selection {
  readonly table: string;
  readonly columns: readonly string[];
  readonly orderBy: readonly string[];
}

async function readRows(
  query: Query,
  tables: ReadonlyMap<string, ReadonlySet<string>>,
  { table, columns, orderBy }: Selection,
): Promise<SourceRows> {
  const known = tables.get(table) ?? new Set();
  const selected = columns.filter((column) => known.has(column)).map((name) => `${quoteName(name)}::text`);
  const order = orderBy.find((column) => known.has(column));
  const ordered = order === undefined ? '' : ` order by ${quoteName(order)}`;
  return { rows: await query(`select ${selected.join(', ')} from ${quoteName(table)}${ordered}`) };
}

/** The server's or the system's own words; messages of PostgreSQL contain names, and no password. */
function describe(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : (errorCode(error) ?? 'unknown error');
}
