import { types } from 'pg';
import { parseJson } from '../../../vault/read-json.ts';

/** Parses the text of a column that is not null. */
export type ColumnReader = (text: string) => unknown;

const { builtins } = types;
const textArrayOid: number = 1009;

/**
 * Fast parsers for the common types of our tables; the parsers of pg read unusual forms of times and bytes. Every row of a describe
 * or a list passes through these (`npm run bench -- --only rest`, REST describe and REST list).
 */
const readers: Readonly<Record<number, ColumnReader>> = {
  [builtins.BOOL]: (text) => text === 't',
  [builtins.INT2]: Number,
  [builtins.INT4]: Number,
  // Our counts stay below 2^53.
  [builtins.INT8]: Number,
  [builtins.TEXT]: unchanged,
  [builtins.VARCHAR]: unchanged,
  [builtins.BPCHAR]: unchanged,
  [builtins.UUID]: unchanged,
  [builtins.BYTEA]: readBytes,
  [builtins.TIMESTAMPTZ]: readTime,
  [builtins.JSON]: readJson,
  [builtins.JSONB]: readJson,
  [textArrayOid]: (text) => (text === '{}' ? [] : readTexts(text)),
};

/** The parser for a type by its OID. */
export function columnReaderOf(oid: number): ColumnReader {
  return readers[oid] ?? types.getTypeParser(oid, 'text');
}

const readTexts: ColumnReader = types.getTypeParser(textArrayOid, 'text');
const readAnyBytes: ColumnReader = types.getTypeParser(builtins.BYTEA, 'text');
const readAnyTime: ColumnReader = types.getTypeParser(builtins.TIMESTAMPTZ, 'text');

function unchanged(text: string): string {
  return text;
}

function readJson(text: string): unknown {
  return text === '{}' ? {} : parseJson(text);
}

function readBytes(text: string): unknown {
  return text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex') : readAnyBytes(text);
}

/** The years 0001 to 9999 in UTC: `2024-01-02 03:04:05.67+00`. */
const usualTime = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,3})?\+00$/;

function readTime(text: string): unknown {
  if (!usualTime.test(text) || text.startsWith('00')) return readUnusualTime(text);
  const year = 100 * twoDigits(text, 0) + twoDigits(text, 2);
  const seconds = twoDigits(text, 17);
  const milliseconds = text.length > 22 ? Number(text.slice(20, -3).padEnd(3, '0')) : 0;
  return new Date(
    Date.UTC(
      year,
      twoDigits(text, 5) - 1,
      twoDigits(text, 8),
      twoDigits(text, 11),
      twoDigits(text, 14),
      seconds,
      milliseconds,
    ),
  );
}

/** Returns an invalid date for a time without one, such as `infinity`, so that a time always is a `Date`. */
function readUnusualTime(text: string): Date {
  const time = readAnyTime(text);
  return time instanceof Date ? time : new Date(Number.NaN);
}

function twoDigits(text: string, at: number): number {
  return 10 * (text.charCodeAt(at) - 48) + (text.charCodeAt(at + 1) - 48);
}

/** The range of stored times, the years 1 to 9999, in milliseconds. */
const earliestMs = Date.parse('0001-01-01T00:00:00Z');
const latestMs = Date.parse('9999-12-31T23:59:59.999Z');

/** Whether a time can be shown. An attacker may have stored `infinity`, or a year before Christ. */
export function isReadableTime(time: Date): boolean {
  const ms = time.getTime();
  return ms >= earliestMs && ms <= latestMs;
}

/** An informative time; null if it cannot be shown. */
export function readableTime(time: Date | null | undefined): Date | null {
  return time && isReadableTime(time) ? time : null;
}

/** An informative count, limited to the range that can be shown. */
export function readableCount(count: number): number {
  return Math.min(Math.max(count, 0), Number.MAX_SAFE_INTEGER);
}

/** Whether all times and numbers of a row can be shown. */
export function isReadableRow(row: object): boolean {
  return Object.values(row).every(
    (value) =>
      (!(value instanceof Date) || isReadableTime(value)) && (typeof value !== 'number' || Number.isSafeInteger(value)),
  );
}
