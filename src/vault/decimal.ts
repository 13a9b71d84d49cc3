import { digit0 } from './json-tokens.ts';

/** A decimal number: its significant digits without surrounding zeros, and the power of ten of the first one. */
interface Decimal {
  readonly digits: string;
  readonly exponent: number;
}

/** A decimal of so many significant digits survives a double unchanged, unless the exponent is extreme. */
const safeCharacters = 15;
const longExponent = /e[+-]?\d{3}/i;
const leastNormal = 2 ** -1_022;

/**
 * Whether a JSON number keeps its value when ECMAScript parses and writes it: `0.1`, `1.10`, `1e2` and `-0` do;
 * `9007199254740993` and `1e400` do not. Linear in the text.
 *
 * @param text a number of RFC 8259
 */
export function isExactNumber(text: string): boolean {
  if (text.length <= safeCharacters && !longExponent.test(text)) return true;
  const number = Number(text);
  if (text.length <= safeCharacters && isNormal(number)) return true;
  if (!Number.isFinite(number)) return isZero(text);
  const canonical = String(number);
  if (canonical === text) return true;
  const sent = decimalOf(text);
  const written = decimalOf(canonical);
  return sent.digits === written.digits && (sent.digits === '' || sent.exponent === written.exponent);
}

/** Whether a double is not subnormal, and so has all its digits. */
function isNormal(number: number): boolean {
  const magnitude = Math.abs(number);
  return magnitude >= leastNormal && magnitude < Infinity;
}

function isZero(text: string): boolean {
  return decimalOf(text).digits === '';
}

/** Without the sign, which parsing keeps. */
function decimalOf(text: string): Decimal {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const all = whole + fraction;
  const first = firstSignificant(all);
  return { digits: all.slice(first, lastSignificant(all) + 1), exponent: Number(power) + whole.length - first };
}

/** A loop, because a regular expression for trailing zeros takes quadratic time. */
function firstSignificant(digits: string): number {
  let at = 0;
  while (digits.charCodeAt(at) === digit0) at += 1;
  return at;
}

function lastSignificant(digits: string): number {
  let at = digits.length - 1;
  while (digits.charCodeAt(at) === digit0) at -= 1;
  return at;
}
