import type { Fault, FaultRule } from '../gateway/contract/dialect.ts';
import { faultListBytesMax, faultsMax } from '../gateway/errors/refusal-limits.ts';
import type { FaultList } from '../gateway/messages/fault-list.ts';

type Expected = Fault['expected'];

const sentences: Record<FaultRule, (expected: Expected) => string> = {
  missing: () => 'is required',
  sent_twice: () => 'is sent twice',
  unknown_member: () => 'is not known',
  not_string: () => 'must be a string',
  not_number: () => 'must be a number',
  not_integer: () => 'must be an integer',
  not_boolean: () => 'must be true or false',
  not_object: () => 'must be an object',
  not_list: () => 'must be a list',
  not_timestamp: () => 'must be a time as in RFC 3339, of the years 1 to 9999',
  not_in_enum: (expected) => `must be one of ${spell(expected)}`,
  too_short: (expected) => `must be at least ${spell(expected)} characters`,
  too_long: (expected) => `must be at most ${spell(expected)} characters`,
  too_small: (expected) => `must be at least ${spell(expected)}`,
  too_large: (expected) => `must be at most ${spell(expected)}`,
  too_many: (expected) => `must have at most ${spell(expected)} members`,
  pattern: () => 'does not have the right form',
  other: () => 'is not acceptable',
};

/**
 * Says in one sentence what is wrong with a request, for the dialects whose errors are sentences: `name must be at most 255
 * characters`. It names the member, never its value.
 */
export function describeFault(fault: Fault): string {
  const member = fault.path.length === 0 ? fault.source : fault.path.join('.');
  return `${member} ${sentences[fault.rule](fault.expected)}`;
}

/**
 * Says in one sentence what is wrong with a request: every fault, or where those are more than 100 or take more than 16 KiB, the
 * first one, and that there are more.
 */
export function describeFaults({ faults, hasMore = false }: FaultList): string {
  const [first] = faults;
  const described = faults.slice(0, faultsMax).map(describeFault);
  const sentence = described.join(separator);
  const isCut = hasMore || faults.length > faultsMax || Buffer.byteLength(sentence) > faultListBytesMax;
  return first && isCut ? `${describeFault(first)}${separator}and more` : sentence;
}

const separator = '; ';

function spell(expected: Expected): string {
  return typeof expected === 'object' ? expected.join(', ') : String(expected);
}
