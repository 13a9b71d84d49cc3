import { parameterOf } from './parameters.ts';

/** A statement that each connection prepares once under its name, with the values of this run. */
export interface Statement {
  /** At most 63 bytes; a name always has the same text. Without a name, the statement is not prepared. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A statement whose parameters are not numbered yet, so that several can be combined. */
export interface Fragment {
  readonly name: string;
  readonly values: readonly unknown[];
  /** @param first the number of its first parameter */
  readonly text: (first: number) => string;
}

/** The values of a row by the properties of its entity. */
export type RowValues = object;

/** The column of a property by the naming strategy of the ORM: `workspace_id` for `workspaceId`. */
export function columnOf(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * A select list of columns under the names of their properties: `c."auth_type" as "authType"`.
 *
 * @param part makes them one object of the row, of this name
 */
export function selectList(alias: string, properties: readonly string[], part?: string): string {
  const prefix = part === undefined ? '' : `${part}.`;
  return properties.map((property) => `${alias}."${columnOf(property)}" as "${prefix}${property}"`).join(', ');
}

/** Inserts one row. The properties and their order must be the same each time. */
export function insertInto(table: string, row: RowValues): Fragment {
  const columns = Object.keys(row).map((property) => `"${columnOf(property)}"`);
  return {
    name: `+${table}`,
    values: Object.values(row),
    text: (first) =>
      `insert into "${table}" (${columns.join(', ')}) values (${columns.map((_, index) => `$${first + index}`).join(', ')})`,
  };
}

/** PostgreSQL cuts off what is longer, in bytes. */
const nameBytesMax = 63;

/** Combines several writes into one statement: all but the last become common table expressions. */
export function combine(...fragments: readonly [Fragment, ...Fragment[]]): Statement {
  let first = 1;
  const texts = fragments.map(({ text, values }) => {
    const numbered = text(first);
    first += values.length;
    return numbered;
  });
  const last = texts.pop() ?? '';
  const preceding = texts.map((text, index) => `write_${index + 1} as (${text})`);
  const name = fragments.map((fragment) => fragment.name).join('');
  return {
    name: Buffer.byteLength(name) <= nameBytesMax ? name : '',
    text: preceding.length === 0 ? last : `with ${preceding.join(', ')} ${last}`,
    values: fragments.flatMap(({ values }) => values),
  };
}

/** The SQL types of columns by their properties. */
export type ColumnTypes = Readonly<Record<string, string>>;

/** A column and how its value is taken from what is written. */
export interface WrittenColumn<Item> {
  readonly property: string;
  readonly type: string;
  readonly valueOf: (item: Item) => unknown;
}

/**
 * Inserts any number of rows by one statement, whose text does not depend on their number: each column is one array. A group of
 * creates is one such statement (`npm run bench -- --only rest`, REST create).
 *
 * @param rows at least one, all with the same properties in the same order
 */
export function insertRows(table: string, types: ColumnTypes, rows: readonly RowValues[]): Fragment {
  return insertion(table, columnsOf(types, rows));
}

/** Inserts any number of rows, as `insertRows`, from items that are not rows themselves. */
export function insertItems<Item>(
  table: string,
  columns: readonly WrittenColumn<Item>[],
  items: readonly Item[],
): Fragment {
  return insertion(table, columnsFrom(columns, items));
}

function insertion(table: string, columns: readonly Column[]): Fragment {
  const names = columns.map(({ name }) => `"${name}"`).join(', ');
  return {
    name: `+${table}s`,
    values: columns.map(({ values }) => values),
    text: (first) =>
      `insert into "${table}" (${names}) select ${columns.map(({ read }) => read).join(', ')} from ${rowsFrom(columns, first)}`,
  };
}

/**
 * Updates any number of rows by one statement, as `insertRows`.
 *
 * @param keys the properties that identify a row
 */
export function updateRows(
  table: string,
  types: ColumnTypes,
  { keys, rows }: { readonly keys: readonly string[]; readonly rows: readonly RowValues[] },
): Fragment {
  return replacement(table, columnsOf(types, rows), keys);
}

/** Updates any number of rows, as `updateRows`, from items that are not rows themselves. */
export function updateItems<Item>(
  table: string,
  columns: readonly WrittenColumn<Item>[],
  { keys, items }: { readonly keys: readonly string[]; readonly items: readonly Item[] },
): Fragment {
  return replacement(table, columnsFrom(columns, items), keys);
}

function replacement(table: string, columns: readonly Column[], keys: readonly string[]): Fragment {
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
  /** The element type of the parameter. */
  readonly type: string;
  /** The expression that reads the value from the row. */
  readonly read: string;
  readonly values: readonly unknown[];
}

function columnsOf(types: ColumnTypes, rows: readonly RowValues[]): Column[] {
  const table = rows.map((row) => Object.values(row));
  return Object.keys(rows[0] ?? {}).map((property, index) => {
    const type = types[property];
    if (type === undefined) throw new Error(`the type of the column ${columnOf(property)} is not known`);
    return columnWith(
      property,
      type,
      table.map((row): unknown => row[index]),
    );
  });
}

function columnsFrom<Item>(columns: readonly WrittenColumn<Item>[], items: readonly Item[]): Column[] {
  return columns.map(({ property, type, valueOf }) => columnWith(property, type, items.map(valueOf)));
}

/** `unnest` would flatten arrays of arrays, so these are sent as the text of an array. */
function columnWith(property: string, type: string, values: readonly unknown[]): Column {
  const name = columnOf(property);
  const isArray = type.endsWith('[]');
  return {
    name,
    type: isArray ? 'text' : type,
    read: isArray ? `r."${name}"::${type}` : `r."${name}"`,
    values: isArray ? values.map(parameterOf) : values,
  };
}

function rowsFrom(columns: readonly Column[], first: number): string {
  const parameters = columns.map(({ type }, index) => `$${first + index}::${type}[]`).join(', ');
  return `unnest(${parameters}) as r (${columns.map(({ name }) => `"${name}"`).join(', ')})`;
}

/** The most texts of one kind that are prepared. The server keeps each for every connection. */
const namesMax = 64;

/**
 * Names statements whose text varies, so that the first texts, which are the frequent ones, are prepared. Beyond a limit, a new
 * text has no name and is parsed each time.
 */
export class StatementNames {
  readonly #kind: string;
  readonly #names = new Map<string, string>();

  /** @param kind the prefix of all names; no other statement's name may begin with it */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /** The name of a text; empty if it has none. */
  nameOf(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size === namesMax) return known ?? '';
    const name = `${this.#kind} ${this.#names.size + 1}`;
    this.#names.set(text, name);
    return name;
  }
}
