import type { Filter } from '../../vault/search/filter.ts';
import type { SortField } from '../../vault/search/order.ts';
import { isSearchable } from '../entities/search-indexes.ts';
import { comparePrefix, textOf } from './compile-filter.ts';
import type { LeadingKey, Replacements } from './sort-order.ts';
import type { SqlParameters } from './sql-parameters.ts';

/** An index through which rows of a workspace are found. What it finds is a superset of the matches. */
export interface AccessPath {
  /** What its rows are ordered by, and then by the id; undefined if they have no order. */
  readonly order: SortField | undefined;
  /** From and where clause of its rows; further conditions follow with `and`. The row is `c`. */
  readonly rows: (parameters: SqlParameters) => string;
  /** The same for its entries, as far as they can be counted without the rows. */
  readonly entries: (parameters: SqlParameters) => string;
  /**
   * The `order by` clause of the index, where another index could find the rows: as long as the planner knows nothing of the table,
   * all are the same to it, and a prepared statement keeps its plan. Only this one needs no sort.
   */
  readonly indexOrder: string;
  /** What the index is ordered by before `order`; all rows have the value. */
  readonly leading?: LeadingKey;
  /** Where the index has the sort keys. */
  readonly replacements?: Replacements;
}

/** The whole workspace in an order. */
export function wholeWorkspace(workspaceId: string, order: SortField | undefined): AccessPath {
  // Only the order of creation has an index that serves other statements as well.
  const needsIndex = order !== undefined && order !== 'createdAt';
  const indexOrder = 'order by c.created_at, c.id';
  return ofRows({ workspaceId, order, indexOrder }, () => (needsIndex ? `c.${isSearchable}` : 'true'));
}

/**
 * The access paths of a filter: one for each part that every match must meet and that an index serves.
 *
 * @param filter of which an index may serve parts
 */
export function accessPathsOf(workspaceId: string, filter: Filter | undefined): readonly AccessPath[] {
  const parts = filter?.kind === 'and' ? filter.parts : filter ? [filter] : [];
  return parts.flatMap((part) => {
    if (part.kind === 'and') return accessPathsOf(workspaceId, part);
    return accessPathOf(workspaceId, part.kind === 'or' ? alternativesOf(part.parts) : part) ?? [];
  });
}

function accessPathOf(workspaceId: string, part: Filter | undefined): AccessPath | undefined {
  switch (part?.kind) {
    case 'text':
      return part.operator === '=' ? ofTexts(workspaceId, part.field, [part.value]) : undefined;
    case 'any_of':
      return part.ignoresCase ? undefined : ofTexts(workspaceId, part.field, part.values);
    case 'prefix':
      return ofPrefix(workspaceId, part);
    case 'any_id':
      return ofIds(workspaceId, part.ids);
    case 'tag':
      return ofTags(workspaceId, [part.tag]);
    case 'any_tag':
      return ofTags(workspaceId, part.tags);
    case 'label':
      return part.operator === '=' ? ofLabel(workspaceId, part) : undefined;
    case 'label_present':
      return ofTerms(workspaceId, (parameters) => `t.kind = 'label' and t.key = ${parameters.add(part.key)}::text`);
    case 'label_prefix':
      return ofTerms(workspaceId, (parameters) => {
        const key = `t.kind = 'label' and t.key = ${parameters.add(part.key)}::text`;
        return `${key} and ${comparePrefix('t.value', part.prefix, parameters)}`;
      });
    // No index serves these.
    case 'constant':
    case 'contains':
    case 'count':
    case 'creator':
    case 'not':
    case 'or':
    case 'and':
    case 'state':
    case 'time':
    case undefined:
    default:
      return undefined;
  }
}

/** Alternatives of one field are one condition. */
function alternativesOf(parts: readonly Filter[]): Filter | undefined {
  const tags = parts.flatMap((part) => (part.kind === 'tag' ? [part.tag] : []));
  if (tags.length === parts.length) return { kind: 'any_tag', tags };
  const texts = parts.flatMap((part) => (part.kind === 'text' && part.operator === '=' ? [part] : []));
  const [first] = texts;
  if (!first || texts.length < parts.length || texts.some(({ field }) => field !== first.field)) return undefined;
  return { kind: 'any_of', field: first.field, values: texts.map(({ value }) => value) };
}

/** What the indexes of texts are ordered by: the text, and then by this. */
const textIndexes: Readonly<Partial<Record<string, { readonly order: SortField; readonly rest: string }>>> = {
  provider: { order: 'createdAt', rest: 'c.created_at, c.id' },
  subject: { order: 'createdAt', rest: 'c.created_at, c.id' },
  name: { order: 'name', rest: 'c.id' },
};

type Text = Extract<Filter, { kind: 'prefix' }>['field'];

function ofTexts(workspaceId: string, field: Text, values: readonly string[]): AccessPath | undefined {
  const index = textIndexes[field];
  if (!index) return undefined;
  const column = textOf(field);
  const [value] = values;
  const order = values.length === 1 ? index.order : undefined;
  const path = ofRows({ workspaceId, order, indexOrder: `order by ${column}, ${index.rest}` }, (parameters) => {
    return `${values.length === 1 ? equals(column, value, parameters) : isAny(column, values, parameters)} and c.${isSearchable}`;
  });
  const isLeading = order !== undefined && order !== field;
  return isLeading ? { ...path, leading: { expression: column, value: value ?? '' } } : path;
}

/**
 * As a range of one: with an equality the index would have the order of other indexes as well, and the planner would take one of
 * those where statistics let it believe that all rows have the value.
 */
function equals(column: string, value: string | undefined, parameters: SqlParameters): string {
  const reference = `${parameters.add(value)}::text`;
  return `${column} >= ${reference} and ${column} <= ${reference}`;
}

function isAny(column: string, values: readonly string[], parameters: SqlParameters): string {
  return `${column} = any (${parameters.add(values)}::text[])`;
}

function ofPrefix(workspaceId: string, { field, prefix }: Extract<Filter, { kind: 'prefix' }>): AccessPath | undefined {
  const index = textIndexes[field];
  if (!index || prefix === '') return undefined;
  const column = textOf(field);
  const order = index.order === field ? index.order : undefined;
  return ofRows({ workspaceId, order, indexOrder: `order by ${column}, ${index.rest}` }, (parameters) => {
    return `${comparePrefix(column, prefix, parameters)} and c.${isSearchable}`;
  });
}

function ofTags(workspaceId: string, tags: readonly string[]): AccessPath {
  const [tag] = tags;
  if (tags.length === 1) return ofTerm(workspaceId, 'tag', () => [tag, '']);
  return ofTerms(workspaceId, (parameters) => `t.kind = 'tag' and t.key = any (${parameters.add(tags)}::text[])`);
}

function ofLabel(workspaceId: string, { key, value }: Extract<Filter, { kind: 'label' }>): AccessPath {
  return ofTerm(workspaceId, 'label', () => [key, value]);
}

function ofIds(workspaceId: string, ids: readonly string[]): AccessPath {
  return ofRows({ workspaceId, order: undefined, indexOrder: 'order by c.id' }, (parameters) => {
    return `c.id = any (${parameters.add(ids)}::uuid[])`;
  });
}

interface RowIndex extends Pick<AccessPath, 'order' | 'indexOrder'> {
  readonly workspaceId: string;
}

function ofRows(
  { indexOrder, order, workspaceId }: RowIndex,
  condition: (parameters: SqlParameters) => string,
): AccessPath {
  const rows = (parameters: SqlParameters) =>
    `credential c where c.workspace_id = ${parameters.add(workspaceId)}::uuid and ${condition(parameters)}`;
  return { order, indexOrder, rows, entries: rows };
}

/** The row of an entry `t`. Of two tables, the planner starts with the entries, since it cannot move the row's condition. */
const rowOfEntry = `
  cross join lateral (
    select * from credential r where r.workspace_id = t.workspace_id and r.id = t.credential_id offset 0
  ) c
  where c.created_at = t.created_at`;
const ofEntry = { 'c.created_at': 't.created_at', 'c.id': 't.credential_id' } as const;

/** One term, in the order of creation. */
function ofTerm(workspaceId: string, kind: 'tag' | 'label', term: () => readonly unknown[]): AccessPath {
  const conditionOf = (parameters: SqlParameters) => {
    const workspace = parameters.add(workspaceId);
    const [key, value] = term().map((text) => `${parameters.add(text)}::text`);
    return `t.workspace_id = ${workspace}::uuid and t.kind = '${kind}' and t.key = ${key} and t.value = ${value}`;
  };
  return {
    order: 'createdAt',
    rows: (parameters) => `credential_term t ${rowOfEntry} and ${conditionOf(parameters)}`,
    entries: (parameters) => `credential_term t where ${conditionOf(parameters)}`,
    indexOrder: '',
    replacements: ofEntry,
  };
}

/** Several terms, of which a credential may have more than one. */
function ofTerms(workspaceId: string, condition: (parameters: SqlParameters) => string): AccessPath {
  const entries = (parameters: SqlParameters) =>
    `credential_term t where t.workspace_id = ${parameters.add(workspaceId)}::uuid and ${condition(parameters)}`;
  return {
    order: undefined,
    entries,
    rows: (parameters) => {
      const distinct = `select distinct t.workspace_id, t.credential_id, t.created_at from ${entries(parameters)}`;
      return `(${distinct}) t ${rowOfEntry}`;
    },
    indexOrder: '',
    replacements: ofEntry,
  };
}
