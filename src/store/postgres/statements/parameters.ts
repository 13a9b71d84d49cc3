import { formatTime } from '../../../vault/time.ts';

/** A parameter in the protocol: text, or bytes in binary form. */
export type Parameter = string | Buffer | null;

/**
 * Serializes a value as a parameter of PostgreSQL: times in UTC to the millisecond, objects as JSON, bytes and arrays of bytes in
 * binary form, which needs no quoting and is half as long. Every create and reveal serializes dozens of values
 * (`npm run bench -- --only rest`).
 *
 * @throws TypeError for a value that no column can store, such as an invalid date
 */
export function parameterOf(value: unknown): Parameter {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return bufferOf(value);
  if (Array.isArray(value)) return value.length > 0 && value.every(isBytes) ? byteaArray(value) : arrayText(value);
  return scalarText(value);
}

function scalarText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Date) return timeText(value);
  if (typeof value === 'object') return JSON.stringify(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  throw new TypeError(`a parameter cannot be of type ${typeof value}`);
}

/** @see https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO */
function arrayText(values: readonly unknown[]): string {
  // The common case: joining is faster than concatenating.
  if (values.length > 0 && values.every(isPlainText)) return `{"${values.join('","')}"}`;
  let text = '';
  for (const value of values) text += text === '' ? elementText(value) : `,${elementText(value)}`;
  return `{${text}}`;
}

const special = /["\\]/;

function isPlainText(value: unknown): value is string {
  return typeof value === 'string' && !special.test(value);
}

function elementText(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (Array.isArray(value)) return arrayText(value);
  const text = value instanceof Uint8Array ? `\\x${bufferOf(value).toString('hex')}` : scalarText(value);
  if (typeof value === 'number') return text;
  return special.test(text) ? `"${text.replaceAll(/["\\]/g, (sign) => `\\${sign}`)}"` : `"${text}"`;
}

/** PostgreSQL writes years above 9999 without the sign of ISO 8601, and years before the first one as `BC`. */
function timeText(time: Date): string {
  const text = formatTime(time);
  if (text.startsWith('+')) return text.slice(1);
  if (!text.startsWith('-') && !text.startsWith('0000')) return text;
  const year = String(1 - time.getUTCFullYear()).padStart(4, '0');
  return `${year}${text.slice(text.indexOf('-', 1))} BC`;
}

const byteaOid = 17;

/** One dimension with the lower bound 1 and without nulls. @see array_send in PostgreSQL's arrayfuncs.c */
function byteaArray(values: readonly Uint8Array[]): Buffer {
  const lengths = values.reduce((sum, { length }) => sum + 4 + length, 0);
  const bytes = Buffer.allocUnsafe(20 + lengths);
  let offset = 0;
  for (const word of [1, 0, byteaOid, values.length, 1]) offset = bytes.writeInt32BE(word, offset);
  for (const value of values) {
    offset = bytes.writeInt32BE(value.length, offset);
    bytes.set(value, offset);
    offset += value.length;
  }
  return bytes;
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function bufferOf(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
