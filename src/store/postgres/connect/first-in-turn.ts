/** One of several ways to the same end. Its signal is aborted when another way has led there. */
export type Try<Result> = (signal: AbortSignal) => Promise<Result>;

/** How ways are tried. */
export interface Turns<Result> {
  /** The next one begins when one has failed, or has taken so long. */
  readonly patienceMs: number;
  /** Whether no other way is to be tried after a failure. */
  readonly isFinal: (error: unknown) => boolean;
  /** Takes back what is reached a second time. */
  readonly discard: (result: Result) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Tries ways in their order, without waiting long for one that says nothing.
 *
 * @returns what the first that succeeds answers
 * @throws the final failure, or AggregateError with all, in the order of the ways
 */
export async function firstInTurn<Result>(
  tries: readonly Try<Result>[],
  { discard, isFinal, patienceMs, signal }: Turns<Result>,
): Promise<Result> {
  const { promise, reject, resolve } = Promise.withResolvers<Result>();
  const settled = new AbortController();
  const failures = new Map<number, unknown>();
  const stop = AbortSignal.any([settled.signal, ...(signal ? [signal] : [])]);
  let begun = 0;
  const begin = (index: number): void => {
    const one = tries[index];
    if (!one || begun > index || stop.aborted) return;
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
      const isLast = failures.size === tries.length;
      if (isLast || stop.aborted || isFinal(error)) {
        settled.abort();
        reject(isLast && tries.length > 1 ? new AggregateError(tries.map((_, at) => failures.get(at))) : error);
      } else begin(index + 1);
    };
    one(stop).then(succeed, fail);
  };
  begin(0);
  return promise;
}
