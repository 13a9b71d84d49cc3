import { types } from 'pg';
import { parseJson } from '../../../vault/read-json.ts';

/** Reads the text of a column that is not null. */
export type ColumnReader = (text: string) => unknown;

const { builtins } = types;
const textArrayOid: number = 1009;

/** What our tables have most, read quickly; for times and bytes of other forms than the usual one, pg's own readers. */
const readers: Readonly<Record<number, ColumnReader>> = {
  [builtins.BOOL]: (text) => text === 't',
  [builtins.INT2]: Number,
  [builtins.INT4]: Number,
  // The counts that it holds stay below 2^53.
  [builtins.INT8]: Number,
  [builtins.TEXT]: asItIs,
  [builtins.VARCHAR]: asItIs,
  [builtins.BPCHAR]: asItIs,
  [builtins.UUID]: asItIs,
  [builtins.BYTEA]: readBytes,
  [builtins.TIMESTAMPTZ]: readTime,
  [builtins.JSON]: readJson,
  [builtins.JSONB]: readJson,
  [textArrayOid]: (text) => (text === '{}' ? [] : readTexts(text)),
};

/** The reader of a column of the type that an OID names. */
export function columnReaderOf(oid: number): ColumnReader {
  return readers[oid] ?? types.getTypeParser(oid, 'text');
}

const readTexts: ColumnReader = types.getTypeParser(textArrayOid, 'text');
const readAnyBytes: ColumnReader = types.getTypeParser(builtins.BYTEA, 'text');
const readAnyTime: ColumnReader = types.getTypeParser(builtins.TIMESTAMPTZ, 'text');

function asItIs(text: string): string {
  return text;
}

function readJson(text: string): unknown {
  return text === '{}' ? {} : parseJson(text);
}

function readBytes(text: string): unknown {
  return text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex') : readAnyBytes(text);
}

/** The form of the years 0001 to 9999 in UTC: `2024-01-02 03:04:05.67+00`. */
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

/** What no date holds, such as `infinity`, is an invalid one, so that a time is always a date. */
function readUnusualTime(text: string): Date {
  const time = readAnyTime(text);
  return time instanceof Date ? time : new Date(Number.NaN);
}

function twoDigits(text: string, at: number): number {
  return 10 * (text.charCodeAt(at) - 48) + (text.charCodeAt(at + 1) - 48);
}
