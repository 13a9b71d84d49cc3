import type { ColumnRule } from '../entities/credential.ts';

/** What a row has in a column. */
export type ValueOf<Property extends string> = (property: Property) => unknown;

/** How values are written, by the types of their columns; those of other types as they are. */
const writers: Readonly<Partial<Record<ColumnRule['type'], (value: unknown) => unknown>>> = {
  text: storable,
  'text[]': (texts) => listOf(texts).map(storable),
  jsonb: sortedEntries,
  timestamptz: instant,
};

/**
 * Creates the function that serializes a row for its MAC: one text for all columns, since that is fast. Columns that are signed
 * by name are appended as one object of those that are set, so that a new column leaves the MACs of stored rows valid.
 *
 * The function throws TypeError for a value of another type than its column's, and RangeError for one that is nested too deep.
 */
export function signedText<Property extends string>(
  columns: readonly Property[],
  rules: Readonly<Record<Property, Pick<ColumnRule, 'type' | 'signed'>>>,
): (valueOf: ValueOf<Property>) => string {
  const signed = (how: ColumnRule['signed']) =>
    columns
      .filter((property) => rules[property].signed === how)
      .map((property) => ({ property, write: writers[rules[property].type] ?? unchanged }));
  const byPlace = signed('by place');
  const byName = signed('by name');
  return (valueOf) => {
    const fields = byPlace.map(({ property, write }) => write(valueOf(property)));
    const named = byName.flatMap(({ property, write }) => {
      const value = valueOf(property) ?? null;
      return value === null ? [] : [[property, write(value)]];
    });
    return JSON.stringify(named.length === 0 ? fields : [...fields, Object.fromEntries(named)]);
  };
}

function unchanged(value: unknown): unknown {
  return value;
}

/** What the database keeps of a text: a surrogate without its other half is no character in UTF-8. */
function storable(text: unknown): string | null {
  if (typeof text === 'string') return text.toWellFormed();
  if (text === null || text === undefined) return null;
  throw new TypeError('a text is of another type');
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError('a list is of another type');
}

/** The database keeps them in another order. */
function sortedEntries(labels: unknown): unknown {
  if (typeof labels !== 'object' || labels === null) throw new TypeError('labels are of another type');
  return Object.entries(labels)
    .map((label) => label.map(storable))
    .toSorted(([one = ''], [other = '']) => (String(one) < String(other) ? -1 : 1));
}

/** As text, since JSON writes an invalid time as null; the database can hold such times, like `infinity`. */
function instant(time: unknown): string | null {
  return time === null ? null : String(Number(time));
}
