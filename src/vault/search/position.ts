import { parseId } from '../ids.ts';
import type { Filter } from './filter.ts';
import type { SortKey } from './order.ts';

/** A value that a list is sorted by. */
export type SortValue = string | Date | null;

/** A place in a sorted list: after the credential with these values and this id, whether or not there is one. */
export interface Position {
  /** As many as there are sort keys. */
  readonly values: readonly SortValue[];
  readonly id: string;
}

/** Makes page tokens. Its keys are those of the instance, so that every process reads the tokens of all. */
export interface PageTokens {
  /** @param list identifies the list, which is all that the token is good for */
  seal(list: string, content: string): string;
  /** Returns undefined for a token that was not made for this list. */
  open(list: string, token: string): string | undefined;
}

/** What a page token belongs to; the size of the page may change. */
export interface ListIdentity {
  readonly workspaceId: string;
  readonly filter: Filter | undefined;
  readonly order: readonly SortKey[];
  readonly deletedToo: boolean;
}

/** A text that two lists share only if they are the same list. */
export function formatList({ workspaceId, filter, order, deletedToo }: ListIdentity): string {
  return JSON.stringify(['credentials', workspaceId, filter ?? null, order, deletedToo]);
}

/** Serializes a position. */
export function formatPosition({ values, id }: Position): string {
  return JSON.stringify([...values.map((value) => (value instanceof Date ? value.getTime() : value)), id]);
}

/** Parses a position of a list with these sort keys; undefined for anything else. */
export function parsePosition(text: string, order: readonly SortKey[]): Position | undefined {
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed) || parsed.length !== order.length + 1) return undefined;
  const values: SortValue[] = parsed.slice(0, -1).map((value: unknown) => {
    if (typeof value === 'number') return new Date(value);
    return typeof value === 'string' ? value : null;
  });
  const last: unknown = parsed.at(-1);
  const id = typeof last === 'string' ? parseId(last) : undefined;
  return id === undefined ? undefined : { values, id };
}
