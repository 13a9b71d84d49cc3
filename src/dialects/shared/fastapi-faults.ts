import type { Fault, FaultRule } from '../../gateway/contract/dialect.ts';
import { faultListBytesMax, faultsMax } from '../../gateway/errors/refusal-limits.ts';
import type { FaultList } from '../../gateway/messages/fault-list.ts';
import type { JsonObject, JsonValue } from '../../vault/json.ts';

/** What pydantic calls a fault, and what it says of it. */
interface Verdict {
  readonly type: string;
  readonly msg: string;
  readonly ctx?: JsonObject;
}

/**
 * Each rule as pydantic v2 reports it. Where a query parameter is at fault, it speaks of parsing, since all of them are texts.
 *
 * @see https://docs.pydantic.dev/latest/errors/validation_errors/
 */
const verdicts: Record<FaultRule, (fault: Fault) => Verdict> = {
  missing: () => ({ type: 'missing', msg: 'Field required' }),
  sent_twice: () => ({ type: 'value_error', msg: 'Value error, sent twice' }),
  unknown_member: () => ({ type: 'extra_forbidden', msg: 'Extra inputs are not permitted' }),
  not_string: () => ({ type: 'string_type', msg: 'Input should be a valid string' }),
  not_number: (fault) => ofType(fault, 'float', 'number', 'unable to parse string as a number'),
  not_integer: (fault) => ofType(fault, 'int', 'integer', 'unable to parse string as an integer'),
  not_boolean: (fault) => ofType(fault, 'bool', 'boolean', 'unable to interpret input'),
  not_object: () => ({ type: 'dict_type', msg: 'Input should be a valid dictionary' }),
  not_list: () => ({ type: 'list_type', msg: 'Input should be a valid list' }),
  not_timestamp: () => ({ type: 'datetime_type', msg: 'Input should be a valid datetime' }),
  not_in_enum: ({ expected }) => {
    const names = spellChoice(typeof expected === 'object' ? expected : []);
    return { type: 'enum', msg: `Input should be ${names}`, ctx: { expected: names } };
  },
  too_short: (fault) => ofLength('string_too_short', 'at least', 'min_length', boundOf(fault)),
  too_long: (fault) => ofLength('string_too_long', 'at most', 'max_length', boundOf(fault)),
  too_small: (fault) => {
    const ge = boundOf(fault);
    return { type: 'greater_than_equal', msg: `Input should be greater than or equal to ${ge}`, ctx: { ge } };
  },
  too_large: (fault) => {
    const le = boundOf(fault);
    return { type: 'less_than_equal', msg: `Input should be less than or equal to ${le}`, ctx: { le } };
  },
  too_many: (fault) => {
    const most = boundOf(fault);
    const msg = `List should have at most ${most} ${plural(most, 'item')} after validation`;
    return { type: 'too_long', msg, ctx: { field_type: 'List', max_length: most } };
  },
  pattern: () => ({ type: 'string_pattern_mismatch', msg: 'String should match the pattern of this member' }),
  other: () => ({ type: 'value_error', msg: 'Value error, not acceptable' }),
};

/** One entry of `detail`, as FastAPI answers a request that pydantic refuses. `input` is the fault's, which holds no secret. */
export function fastApiFault(fault: Fault): JsonObject {
  const { type, msg, ctx } = verdicts[fault.rule](fault);
  const input: JsonValue = fault.input ?? null;
  return { type, loc: [fault.source, ...fault.path], msg, input, ...(ctx && { ctx }) };
}

/** Stands for what a list of faults does not hold. */
const tooManyErrors = {
  type: 'too_many_errors',
  loc: ['body'],
  msg: `More than ${faultsMax} errors`,
  input: null,
} as const satisfies JsonObject;

/** The `detail` of a request's faults: at most 100 entries that take at most 16 KiB, and one more where that is not all. */
export function fastApiFaults({ faults, hasMore = false }: FaultList): readonly JsonObject[] {
  const entries: JsonObject[] = [];
  let bytesLeft = faultListBytesMax - bytesOf(tooManyErrors);
  for (const fault of faults) {
    const entry = fastApiFault(fault);
    bytesLeft -= bytesOf(entry);
    if (bytesLeft < 0 || entries.length === faultsMax) return [...entries, tooManyErrors];
    entries.push(entry);
  }
  return hasMore ? [...entries, tooManyErrors] : entries;
}

/** With the comma. */
function bytesOf(entry: JsonObject): number {
  return Buffer.byteLength(JSON.stringify(entry)) + 1;
}

/** `'a', 'b' or 'c'` */
function spellChoice(names: readonly string[]): string {
  const quoted = names.map((name) => `'${name}'`);
  const last = quoted.pop() ?? '';
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`;
}

function ofType(fault: Fault, type: string, noun: string, complaint: string): Verdict {
  const msg = `Input should be a valid ${noun}`;
  if (fault.source === 'body') return { type: `${type}_type`, msg };
  return { type: `${type}_parsing`, msg: `${msg}, ${complaint}` };
}

function ofLength(type: string, relation: string, name: string, bound: number): Verdict {
  return { type, msg: `String should have ${relation} ${bound} ${plural(bound, 'character')}`, ctx: { [name]: bound } };
}

function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`;
}

function boundOf({ expected }: Fault): number {
  return typeof expected === 'number' ? expected : 0;
}
