/** A row of a source: each column as its text, its bytes, or null. */
export type SourceRow = Readonly<Record<string, string | Uint8Array | null>>;

/** The rows of a table. */
export interface SourceRows {
  readonly rows: readonly SourceRow[];
  /** Why rows after these could not be read. */
  readonly fault?: string;
}

/** A database of another program, opened for reading only. */
export interface SourceDatabase {
  /** The columns of each table. */
  tables(): Promise<ReadonlyMap<string, ReadonlySet<string>>>;
  /** Reads the rows of a table; a column that the table does not have is left out. Ordered by the first that is given and exists. */
  read(table: string, columns: readonly string[], orderBy?: readonly string[]): Promise<SourceRows>;
  close(): Promise<void>;
}

/** The text of a column; undefined for null, bytes, and a column that the table does not have. */
export function textOf(row: SourceRow, column: string): string | undefined {
  const value = row[column];
  return typeof value === 'string' ? value : undefined;
}

/** Whether a column of a truth value is set, in any of the ways in which databases write that. */
export function isTrue(row: SourceRow, column: string): boolean {
  return ['1', 't', 'true'].includes(textOf(row, column)?.toLowerCase() ?? '');
}

/** An identifier, quoted for SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
