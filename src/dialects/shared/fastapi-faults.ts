import type { Fault, FaultRule } from '../../gateway/contract/dialect.ts';
import { faultListBytesMax, faultsMax } from '../../gateway/errors/refusal-limits.ts';
import type { FaultList } from '../../gateway/messages/fault-list.ts';
import type { JsonObject, JsonValue } from '../../vault/json.ts';

/** A fault in pydantic's terms. */
interface PydanticError {
  readonly type: string;
  readonly msg: string;
  readonly ctx?: JsonObject;
}

/**
 * Each rule as pydantic v2 reports it. For query parameters, which are strings, pydantic reports parsing errors.
 *
 * @see https://docs.pydantic.dev/latest/errors/validation_errors/
 */
const errors: Record<FaultRule, (fault: Fault) => PydanticError> = {
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
    const names = formatChoice(typeof expected === 'object' ? expected : []);
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
  too_few: (fault) => {
    const least = boundOf(fault);
    const msg = `List should have at least ${least} ${plural(least, 'item')} after validation`;
    return { type: 'too_short', msg, ctx: { field_type: 'List', min_length: least } };
  },
  too_many: (fault) => {
    const most = boundOf(fault);
    const msg = `List should have at most ${most} ${plural(most, 'item')} after validation`;
    return { type: 'too_long', msg, ctx: { field_type: 'List', max_length: most } };
  },
  pattern: () => ({ type: 'string_pattern_mismatch', msg: 'String should match the pattern of this member' }),
  other: () => ({ type: 'value_error', msg: 'Value error, not acceptable' }),
};

/** One entry of `detail` in FastAPI's 422. `input` is that of the fault, which never contains a secret. */
export function fastApiFault(fault: Fault): JsonObject {
  const { type, msg, ctx } = errors[fault.rule](fault);
  const input: JsonValue = fault.input ?? null;
  return { type, loc: [fault.source, ...fault.path], msg, input, ...(ctx && { ctx }) };
}

/** Stands for the faults that are not listed. */
const tooManyErrors = {
  type: 'too_many_errors',
  loc: ['body'],
  msg: `More than ${faultsMax} errors`,
  input: null,
} as const satisfies JsonObject;

/** The `detail` of FastAPI's 422: at most 100 entries of at most 16 KiB, and one more where there are further faults. */
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

/** Including the comma. */
function bytesOf(entry: JsonObject): number {
  return Buffer.byteLength(JSON.stringify(entry)) + 1;
}

/** `'a', 'b' or 'c'` */
function formatChoice(names: readonly string[]): string {
  const quoted = names.map((name) => `'${name}'`);
  const last = quoted.pop() ?? '';
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`;
}

function ofType(fault: Fault, type: string, noun: string, detail: string): PydanticError {
  const msg = `Input should be a valid ${noun}`;
  if (fault.source === 'body') return { type: `${type}_type`, msg };
  return { type: `${type}_parsing`, msg: `${msg}, ${detail}` };
}

function ofLength(type: string, relation: string, name: string, bound: number): PydanticError {
  return { type, msg: `String should have ${relation} ${bound} ${plural(bound, 'character')}`, ctx: { [name]: bound } };
}

function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`;
}

function boundOf({ expected }: Fault): number {
  return typeof expected === 'number' ? expected : 0;
}
