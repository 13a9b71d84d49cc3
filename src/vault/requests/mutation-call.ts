import type { Call } from '../caller.ts';
import { VaultError } from '../errors.ts';
import type { Keeping } from './ports.ts';

/** A call that changes something; under a request id, its result is kept for repetitions. */
export interface MutationCall<Result> extends Call {
  readonly keeping?: Keeping<Result> | undefined;
}

/**
 * How the store keeps the answer of a mutation.
 *
 * @param resultOf turns the answer of the store into the result of the call; undefined if it is a refusal
 */
export function keepingOf<Result, Answer>(
  { keeping }: Pick<MutationCall<Result>, 'keeping'>,
  resultOf: (answer: Answer) => Result | undefined,
): Keeping<Answer> | undefined {
  return (
    keeping && {
      ...keeping,
      serialize: (answer) => {
        const result = resultOf(answer);
        return result === undefined ? undefined : keeping.serialize(result);
      },
    }
  );
}

/** The refusal of a call while another one with its request id is under way, here or in another process. */
export function requestInProgress(): VaultError {
  const details = { reason: 'REQUEST_IN_PROGRESS', retryAfterMs: 1_000 };
  return new VaultError('request_in_progress', 'a request with this id is in progress', details);
}
