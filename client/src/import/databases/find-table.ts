import { ImportError, usageError } from '../reading/import-error.ts';
import type { SourceDatabase } from './source-database.ts';

/** What a source's table is recognized by. */
export interface TableShape {
  /** The table's usual name. */
  readonly usual: string;
  /** Columns that it must have. */
  readonly columns: readonly string[];
}

/**
 * Finds the table of a source: the given one, else the one of the usual name, else the only one with all columns.
 *
 * @param given what the user wrote for `--table`
 * @throws ImportError where there is none, or several
 */
export async function findTable(database: SourceDatabase, shape: TableShape, given?: string): Promise<string> {
  const tables = await database.tables();
  const hasColumns = (table: string) => shape.columns.every((column) => tables.get(table)?.has(column));
  if (given !== undefined) {
    if (!tables.has(given)) throw usageError(`the database has no table ${given}`);
    if (!hasColumns(given)) throw usageError(`the table ${given} lacks one of the columns ${shape.columns.join(', ')}`);
    return given;
  }
  if (hasColumns(shape.usual)) return shape.usual;
  const found = [...tables.keys()].filter(hasColumns);
  if (found.length > 1) throw usageError(`choose one of the tables ${found.join(', ')} with --table`);
  const [only] = found;
  if (only === undefined)
    throw new ImportError(`the database has no table with the columns ${shape.columns.join(', ')}`);
  return only;
}
