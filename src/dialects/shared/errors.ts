import type { Fault, FaultRule, Problem } from '../../gateway/contract/dialect.ts';
import { faultListBytesMax, faultsMax } from '../../gateway/errors/refusal-limits.ts';
import type { FaultList } from '../../gateway/messages/fault-list.ts';
import { VaultError, type VaultErrorCode } from '../../vault/errors.ts';

type Kind = Problem['kind'];

type ProblemOf = { readonly [K in Kind]: Extract<Problem, { kind: K }> };

/** How a dialect renders each kind of problem: one row per kind, so that a new kind does not compile until it has a row. */
export type ProblemTable<Rendering> = { readonly [K in Kind]: (problem: ProblemOf[K]) => Rendering };

/** Renders a problem by its row. */
export function renderBy<Rendering>(table: ProblemTable<Rendering>, problem: Problem): Rendering {
  return renderRow(table, problem.kind, problem);
}

function renderRow<K extends Kind, Rendering>(
  table: ProblemTable<Rendering>,
  kind: K,
  problem: ProblemOf[K],
): Rendering {
  return table[kind](problem);
}

/** The HTTP status of each error of the vault; a dialect overrides those for which its original documents another. */
export const httpStatuses: Readonly<Record<VaultErrorCode, number>> = {
  token_missing: 401,
  token_invalid: 401,
  token_expired: 401,
  password_wrong: 401,
  login_throttled: 429,
  permission_denied: 403,
  workspace_denied: 403,
  not_found: 404,
  name_taken: 409,
  id_taken: 409,
  already_exists: 409,
  already_set_up: 409,
  invalid_argument: 400,
  resume_token_expired: 400,
  etag_stale: 409,
  request_in_progress: 409,
  credential_inactive: 403,
  credential_expired: 403,
  failed_precondition: 400,
  secret_unreadable: 500,
  resource_exhausted: 429,
  unavailable: 503,
  deadline_exceeded: 504,
  canceled: 499,
};

/** The `retry-after` header of an error that names a delay, in whole seconds; no header otherwise. */
export function retryAfterHeader({ retryAfterMs }: VaultError['details']): Readonly<Record<string, string>> {
  return retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) };
}

/**
 * Awaits a create or an update, and replaces the message of a name conflict with the dialect's own.
 *
 * @throws VaultError `name_taken` with that message; any other error of `change` unchanged
 */
export async function withNameConflictMessage<Result>(message: string, change: Promise<Result>): Promise<Result> {
  try {
    return await change;
  } catch (error) {
    if (!(error instanceof VaultError) || error.code !== 'name_taken') throw error;
    throw new VaultError('name_taken', message, error.details, { cause: error });
  }
}

/** Whether a required member is missing, `null` or empty: several dialects answer all three with the same error. */
export function isUnset({ rule, input }: Fault): boolean {
  return rule === 'missing' || rule === 'too_short' || rule === 'too_few' || input === null;
}

type Expected = Fault['expected'];

const descriptions: Record<FaultRule, (expected: Expected) => string> = {
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
  not_in_enum: (expected) => `must be one of ${formatExpected(expected)}`,
  too_short: (expected) => `must be at least ${formatExpected(expected)} characters`,
  too_long: (expected) => `must be at most ${formatExpected(expected)} characters`,
  too_small: (expected) => `must be at least ${formatExpected(expected)}`,
  too_large: (expected) => `must be at most ${formatExpected(expected)}`,
  too_few: (expected) => `must have at least ${formatExpected(expected)} ${expected === 1 ? 'member' : 'members'}`,
  too_many: (expected) => `must have at most ${formatExpected(expected)} members`,
  pattern: () => 'does not have the right form',
  other: () => 'is not acceptable',
};

/** Describes a fault in one sentence, with the name of the member and never its value: `name must be at most 255 characters`. */
export function describeFault(fault: Fault): string {
  const member = fault.path.length === 0 ? fault.source : fault.path.join('.');
  return `${member} ${descriptions[fault.rule](fault.expected)}`;
}

/** Describes all faults of a request; only the first where there are more than 100 or the text would exceed 16 KiB. */
export function describeFaults({ faults, hasMore = false }: FaultList): string {
  const [first] = faults;
  const sentence = faults.slice(0, faultsMax).map(describeFault).join('; ');
  const isCut = hasMore || faults.length > faultsMax || Buffer.byteLength(sentence) > faultListBytesMax;
  return first && isCut ? `${describeFault(first)}; and more` : sentence;
}

function formatExpected(expected: Expected): string {
  return typeof expected === 'object' ? expected.join(', ') : String(expected);
}
