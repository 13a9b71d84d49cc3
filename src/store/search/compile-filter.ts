import type { Comparison, Filter, Operator, State, TextField } from '../../vault/search/filter.ts';
import { columnOf } from '../postgres/statements/statement.ts';
import type { SqlParameters } from './sql-parameters.ts';

/**
 * Compiles a filter to a condition on the row `c` of `credential`. Values are parameters, and names of columns are those of the
 * filter's type. A comparison with an absent value is null, which counts as false: only `not` distinguishes the two.
 */
export function compileFilter(filter: Filter, parameters: SqlParameters): string {
  if (filter.kind === 'and' || filter.kind === 'or') {
    if (filter.parts.length === 0) return String(filter.kind === 'and');
    return `(${filter.parts.map((part) => compileFilter(part, parameters)).join(` ${filter.kind} `)})`;
  }
  if (filter.kind === 'not') return `((${compileFilter(filter.part, parameters)}) is not true)`;
  return `(${compileComparison(filter, parameters)})`;
}

function compileComparison(comparison: Comparison, parameters: SqlParameters): string {
  switch (comparison.kind) {
    case 'text':
      return compareText(textOf(comparison.field), comparison, parameters);
    case 'prefix':
      return comparePrefix(textOf(comparison.field), comparison.prefix, parameters);
    case 'any_of':
      return compareAny(comparison, parameters);
    case 'contains':
      return compareContents(comparison.text, parameters);
    case 'any_id':
      return `c.id = any (${parameters.add(comparison.ids)}::uuid[])`;
    case 'any_tag':
      return `c.tags && ${parameters.add(comparison.tags)}::text[]`;
    case 'tag':
      return `${parameters.add(comparison.tag)}::text = any (c.tags)`;
    case 'label':
      return compareText(labelOf(comparison.key, parameters), comparison, parameters);
    case 'label_prefix':
      return comparePrefix(labelOf(comparison.key, parameters), comparison.prefix, parameters);
    case 'label_present':
      return `${labelOf(comparison.key, parameters)} is not null`;
    case 'time':
      return `c.${columnOf(comparison.field)} ${comparison.operator} ${parameters.add(comparison.value)}::timestamptz`;
    case 'count':
      return `c.use_count ${comparison.operator} ${parameters.add(comparison.value)}::bigint`;
    case 'state':
      return stateConditions[comparison.state](parameters);
    case 'creator':
      return compareCreator(comparison, parameters);
    case 'constant':
    default:
      return comparison.value ? 'true' : 'false';
  }
}

/** A text in the order of its code points, whatever the collation of the database. */
export function textOf(field: TextField): string {
  return field === 'createdBy' ? 'c.created_by::text collate "C"' : `c.${columnOf(field)} collate "C"`;
}

/** Labels of a row that was modified outside of Coffer may not be an object, and have no members then. */
function labelOf(key: string, parameters: SqlParameters): string {
  return `(c.labels ->> ${parameters.add(key)}::text) collate "C"`;
}

function compareText(
  column: string,
  { operator, value }: { readonly operator: Operator; readonly value: string },
  parameters: SqlParameters,
): string {
  return `${column} ${operator} ${parameters.add(value)}::text`;
}

/** A prefix as a range, which an index can serve under row-level security; `like` never is an index condition there. */
export function comparePrefix(column: string, prefix: string, parameters: SqlParameters): string {
  if (prefix === '') return `${column} is not null`;
  const end = endOfPrefix(prefix);
  const start = `${column} >= ${parameters.add(prefix)}::text`;
  return end === undefined ? start : `${start} and ${column} < ${parameters.add(end)}::text`;
}

const lastCodePoint = 0x10ffff;
/** The code points that no text has: halves of surrogate pairs. */
const surrogates = { before: 0xd7ff, after: 0xe000 } as const;

/** The least text after all texts with a prefix; undefined if there is none. */
export function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (points.at(-1) === lastCodePoint) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  return String.fromCodePoint(...points, last === surrogates.before ? surrogates.after : last + 1);
}

function compareAny(
  { field, ignoresCase, values }: Extract<Comparison, { kind: 'any_of' }>,
  parameters: SqlParameters,
): string {
  if (!ignoresCase) return `${textOf(field)} = any (${parameters.add(values)}::text[])`;
  return `lower(c.${columnOf(field)}) = any (${parameters.add(values.map(lowerCase))}::text[])`;
}

/** Only ASCII, as PostgreSQL's `lower` of the C locale does it. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function compareContents(text: string, parameters: SqlParameters): string {
  const pattern = parameters.add(`%${text.replace(/[\\%_]/g, '\\$&')}%`);
  return `c.name ilike ${pattern} or c.description ilike ${pattern}`;
}

function compareCreator({ reference }: Extract<Comparison, { kind: 'creator' }>, parameters: SqlParameters): string {
  if ('id' in reference) return `c.created_by = ${parameters.add(reference.id)}::uuid`;
  return `upper(right(replace(c.created_by::text, '-', ''), 16)) = ${parameters.add(reference.shortId)}::text`;
}

/** As `stateOf` of the vault. */
const stateConditions: Readonly<Record<State, (parameters: SqlParameters) => string>> = {
  ACTIVE: ({ now }) => `c.deleted_at is null and c.is_active and (c.expires_at is null or c.expires_at > ${now})`,
  INACTIVE: ({ now }) => `c.deleted_at is null and not c.is_active and (c.expires_at is null or c.expires_at > ${now})`,
  EXPIRED: ({ now }) => `c.deleted_at is null and c.expires_at <= ${now}`,
  DELETED: () => 'c.deleted_at is not null',
};
