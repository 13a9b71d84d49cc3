/** One of several alternatives. Its signal is aborted when another one has succeeded. */
export type Attempt<Result> = (signal: AbortSignal) => Promise<Result>;

/** How alternatives are tried. */
export interface StaggeredRace<Result> {
  /** The next attempt begins when one has failed, or after this time. */
  readonly patienceMs: number;
  /** Whether a failure ends the race. */
  readonly isFinal: (error: unknown) => boolean;
  /** Disposes of the result of another attempt that succeeds as well. */
  readonly discard: (result: Result) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Runs attempts in order until one succeeds, each beginning a little after the one before.
 *
 * @returns the result of the first attempt that succeeds
 * @throws the final failure, or AggregateError with all failures in the order of the attempts
 */
export async function raceStaggered<Result>(
  attempts: readonly Attempt<Result>[],
  { discard, isFinal, patienceMs, signal }: StaggeredRace<Result>,
): Promise<Result> {
  const { promise, reject, resolve } = Promise.withResolvers<Result>();
  const settled = new AbortController();
  const failures = new Map<number, unknown>();
  const stop = AbortSignal.any([settled.signal, ...(signal ? [signal] : [])]);
  let begun = 0;
  const begin = (index: number): void => {
    const attempt = attempts[index];
    if (!attempt || begun > index || stop.aborted) return;
    begun = index + 1;
    const timer = setTimeout(() => begin(index + 1), patienceMs);
    const succeed = (result: Result): void => {
      clearTimeout(timer);
      if (settled.signal.aborted) return discard(result);
      settled.abort();
      resolve(result);
    };
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      failures.set(index, error);
      const isLast = failures.size === attempts.length;
      if (isLast || stop.aborted || isFinal(error)) {
        settled.abort();
        reject(isLast && attempts.length > 1 ? new AggregateError(attempts.map((_, at) => failures.get(at))) : error);
      } else begin(index + 1);
    };
    attempt(stop).then(succeed, fail);
  };
  begin(0);
  return promise;
}
