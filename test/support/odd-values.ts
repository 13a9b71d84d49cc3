import type { EntityMetadata } from '@mikro-orm/postgresql';

const texts = [
  `''`,
  `repeat('x', 100000)`,
  `U&'\\FFFF\\200F\\0001\\+01F511'`,
  `'2024-01-01T00:00:00.000Z'`,
  `'["a"]'`,
  `'{"user":"user/2"}'`,
];
const deepArray = `(repeat('[', 5000) || repeat(']', 5000))`;
const json = [`'null'`, `'[]'`, `'"x"'`, `'12'`, `'{"a": 1}'`, `'{"a": {"b": [null]}}'`, `'{"__proto__": "x"}'`];

/** Values of each type that PostgreSQL stores and nothing of ours ever wrote, as SQL. */
const valuesOfTypes: Readonly<Record<string, readonly string[]>> = {
  uuid: [`'00000000-0000-0000-0000-000000000000'`, `'ffffffff-ffff-ffff-ffff-ffffffffffff'`],
  text: texts,
  boolean: [`not f.{column}`],
  'timestamptz(3)': [
    `'infinity'`,
    `'-infinity'`,
    `'4713-01-01 BC'`,
    `'0044-03-15 BC'`,
    `'0001-01-01'`,
    `'10000-01-01'`,
    `'294276-12-31'`,
  ],
  int: ['0', '-1', '2147483647', '-2147483648'],
  smallint: ['0', '-32768', '32767'],
  bigint: ['0', '-1', '9007199254740992', '9223372036854775807', '-9223372036854775808'],
  bytea: [`''`, `'\\x00'`, `decode(repeat('00', 100000), 'hex')`],
  'text[]': [`'{}'`, `array[null]::text[]`, `'{{a,b},{c,d}}'`, `'[5:6]={a,b}'`, `array_fill('x'::text, array[10000])`],
  jsonb: [...json, `${deepArray}::jsonb`, `'{"a": ["b"]}'`],
  json: [
    ...json,
    `${deepArray}::json`,
    `(repeat('{"a":', 5000) || '1' || repeat('}', 5000))::json`,
    `'{"a": 1, "a": 1e400}'`,
  ],
};

/** A column with a value that it never has. */
export interface OddValue {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  /** As SQL. */
  readonly value: string;
}

/**
 * Every odd value of every column of a table.
 *
 * @throws where a column is of a type without any
 */
export function oddValuesOf(meta: EntityMetadata): readonly OddValue[] {
  const columns = new Map<string, { readonly type: string; readonly nullable: boolean }>();
  for (const { columnTypes, fieldNames, generated, nullable } of meta.props) {
    if (generated !== undefined) continue;
    for (const [index, column] of fieldNames.entries()) {
      columns.set(column, columns.get(column) ?? { type: columnTypes[index] ?? '', nullable: nullable === true });
    }
  }
  return [...columns].flatMap(([column, { nullable, type }]) => {
    const values = valuesOfTypes[type];
    if (!values)
      throw new Error(`there are no odd values for ${meta.tableName}.${column}, which is of the type ${type}`);
    const all = nullable ? [...values, 'null'] : values;
    return all.map((value) => ({
      table: meta.tableName,
      column,
      type,
      value: value.replace('{column}', `"${column}"`),
    }));
  });
}

/** Whether a value cannot be shown at all, also where nothing is decided by it. */
export function isUnreadable({ type, value }: OddValue): boolean {
  const readable = [`'0001-01-01'`, 'null', '0', '-1'];
  return (type === 'timestamptz(3)' || type === 'bigint') && !readable.includes(value);
}
