/** Where a process is interrupted in a rotation of keys, and by what. */
export interface Interruption {
  /** A pattern of the first statement of each transaction whose round trips are steps. */
  readonly beginsWith: string;
  /** The name of a step, as the process reports it; none is interrupted otherwise. */
  readonly step?: string;
  /** For a round trip to the database also when it was sent and is not answered. */
  readonly moment?: 'before' | 'after sending';
  /** SIGSTOP holds the process there until it is continued. */
  readonly signal?: 'SIGKILL' | 'SIGSTOP';
}

/** The URL that makes Node load `interrupt.ts` into a process. */
export function interruptionUrl(interruption: Interruption): string {
  const url = new URL('interrupt.ts', import.meta.url);
  for (const [name, value] of Object.entries(interruption)) url.searchParams.set(name, value);
  return url.href;
}

/** The interruption in such a URL. */
export function interruptionIn(url: string): Required<Interruption> {
  const parameters = new URL(url).searchParams;
  return {
    beginsWith: parameters.get('beginsWith') ?? '',
    step: parameters.get('step') ?? '',
    moment: parameters.get('moment') === 'after sending' ? 'after sending' : 'before',
    signal: parameters.get('signal') === 'SIGSTOP' ? 'SIGSTOP' : 'SIGKILL',
  };
}
