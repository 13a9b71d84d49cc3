import { parameterOf } from './parameters.ts';
import { columnOf, type Fragment, type RowValues } from './statement.ts';

/** The SQL types of a table's columns, by their properties. */
export type ColumnTypes = Readonly<Record<string, string>>;

/**
 * Inserts any number of rows by one statement, whose text does not depend on how many: each column is one array.
 *
 * @param rows all with the same properties in the same order; at least one
 */
export function insertRows(table: string, types: ColumnTypes, rows: readonly RowValues[]): Fragment {
  const columns = columnsOf(types, rows);
  const names = columns.map(({ name }) => `"${name}"`).join(', ');
  return {
    name: `+${table}s`,
    values: columns.map(({ values }) => values),
    text: (first) =>
      `insert into "${table}" (${names}) select ${columns.map(({ read }) => read).join(', ')} from ${rowsFrom(columns, first)}`,
  };
}

/**
 * Sets columns of any number of rows by one statement, as `insertRows`.
 *
 * @param keys which of the properties name the row
 */
export function updateRows(
  table: string,
  types: ColumnTypes,
  { keys, rows }: { readonly keys: readonly string[]; readonly rows: readonly RowValues[] },
): Fragment {
  const columns = columnsOf(types, rows);
  const keyColumns = keys.map(columnOf);
  const set = columns.filter(({ name }) => !keyColumns.includes(name)).map(({ name, read }) => `"${name}" = ${read}`);
  const where = keyColumns.map((name) => `u."${name}" = r."${name}"`).join(' and ');
  return {
    name: `~${table}s`,
    values: columns.map(({ values }) => values),
    text: (first) => `update "${table}" u set ${set.join(', ')} from ${rowsFrom(columns, first)} where ${where}`,
  };
}

interface Column {
  readonly name: string;
  /** Of the parameter, without its brackets. */
  readonly type: string;
  /** How the value is read from the row. */
  readonly read: string;
  readonly values: readonly unknown[];
}

/** `unnest` would flatten arrays of arrays: those travel as the text of an array. */
function columnsOf(types: ColumnTypes, rows: readonly RowValues[]): Column[] {
  const table = rows.map((row) => Object.values(row));
  return Object.keys(rows[0] ?? {}).map((property, index) => {
    const name = columnOf(property);
    const type = types[property];
    if (type === undefined) throw new Error(`the type of the column ${name} is not known`);
    const values = table.map((row): unknown => row[index]);
    const isArray = type.endsWith('[]');
    return {
      name,
      type: isArray ? 'text' : type,
      read: isArray ? `r."${name}"::${type}` : `r."${name}"`,
      values: isArray ? values.map(parameterOf) : values,
    };
  });
}

function rowsFrom(columns: readonly Column[], first: number): string {
  const parameters = columns.map(({ type }, index) => `$${first + index}::${type}[]`).join(', ');
  return `unnest(${parameters}) as r (${columns.map(({ name }) => `"${name}"`).join(', ')})`;
}
