import { limits } from './limits.ts';

/** What the JSON text of a request may not hold, since parsing would change it in silence or could not follow it. */
export type JsonTextRule = 'duplicate_member' | 'inexact_number' | 'too_deep' | 'too_many_values';

/** A place of a JSON text that would not be stored as it was sent. */
export interface JsonTextFlaw {
  readonly rule: JsonTextRule;
  /** In characters from the start of the text. */
  readonly offset: number;
  /** Names and indexes from the root. */
  readonly path: readonly (string | number)[];
}

const complaints: Record<JsonTextRule, string> = {
  duplicate_member: 'is sent more than once',
  inexact_number: 'is a number that a double cannot hold exactly',
  too_deep: `is nested more than ${limits.jsonDepth} levels deep`,
  too_many_values: `has more than ${limits.jsonMarks} commas, colons and opening brackets`,
};

/** The most characters of a path that are quoted. */
const pathCharactersMax = 256;

/** The place of a flaw as `secret.nested.0`, cut to 256 characters; never a value. */
export function placeOfFlaw({ path }: JsonTextFlaw): string {
  if (path.length === 0) return 'body';
  const place = path.join('.').toWellFormed();
  return place.length <= pathCharactersMax ? place : `${place.slice(0, pathCharactersMax).toWellFormed()}…`;
}

/** Says in one sentence what is wrong, for example `metadata.limit is sent more than once`; never a value. */
export function describeTextFlaw(flaw: JsonTextFlaw): string {
  return `${placeOfFlaw(flaw)} ${complaints[flaw.rule]}`;
}
