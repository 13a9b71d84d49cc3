import { InvalidArgumentError } from 'commander';

/** Parses the number of a version, from 1. */
export function parseVersion(text: string): number {
  return parseInteger(text, 1, 2 ** 31 - 1);
}

/** Parses a number of results, from 1. */
export function parseLimit(text: string): number {
  return parseInteger(text, 1, Number.MAX_SAFE_INTEGER);
}

/** Collects an option that may occur several times. */
export function collect(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, text];
}

/** Collects labels, each as `KEY=VALUE`. */
export function collectLabel(
  text: string,
  earlier: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError('A label is KEY=VALUE.');
  return { ...earlier, [key]: value };
}

function parseInteger(text: string, least: number, most: number): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new InvalidArgumentError(`It must be a whole number from ${least} on.`);
}
