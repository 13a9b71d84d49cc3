/** A statement to be prepared once a connection under its name, with the values of this run. */
export interface Statement {
  /** At most 63 bytes; one name always stands for the same text. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A statement before its parameters are numbered, so that several can become one. */
export interface Fragment {
  readonly name: string;
  readonly values: readonly unknown[];
  /** @param first the number of its first parameter */
  readonly text: (first: number) => string;
}

/** The values of a row, by the properties of its entity. */
export type RowValues = object;

/** The column of an entity's property, as the ORM's naming strategy has it: `workspaceId` is `workspace_id`. */
export function columnOf(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The columns of a table's alias under their properties' names: `c."auth_type" as "authType"`. */
export function selectList(alias: string, properties: readonly string[]): string {
  return properties.map((property) => `${alias}."${columnOf(property)}" as "${property}"`).join(', ');
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

/** Sets columns of the row that a key names. The properties and their order must be the same each time. */
export function updateRow(table: string, key: RowValues, changes: RowValues): Fragment {
  const keys = Object.keys(key).map(columnOf);
  const columns = Object.keys(changes).map(columnOf);
  return {
    name: `~${table}`,
    values: [...Object.values(key), ...Object.values(changes)],
    text: (first) => {
      const assignments = columns.map((column, index) => `"${column}" = $${first + keys.length + index}`);
      const conditions = keys.map((column, index) => `"${column}" = $${first + index}`);
      return `update "${table}" set ${assignments.join(', ')} where ${conditions.join(' and ')}`;
    },
  };
}

/** Makes one statement, and so one round trip, of several writes: all but the last become common table expressions. */
export function together(...fragments: readonly [Fragment, ...Fragment[]]): Statement {
  let first = 1;
  const texts = fragments.map(({ text, values }) => {
    const numbered = text(first);
    first += values.length;
    return numbered;
  });
  const last = texts.pop() ?? '';
  const preceding = texts.map((text, index) => `write_${index + 1} as (${text})`);
  return {
    name: fragments.map(({ name }) => name).join(''),
    text: preceding.length === 0 ? last : `with ${preceding.join(', ')} ${last}`,
    values: fragments.flatMap(({ values }) => values),
  };
}
