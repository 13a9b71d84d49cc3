import { DatabaseFailure, NoServerError, sqlStateOf, UnfitServerError } from './connect/database-failure.ts';
import { SilentConnectionError } from './connect/silence-watch.ts';

/** The reasons why the database does not serve: the label of the metric, and the text for an operator. */
export const outageReasons = {
  disk_full: 'disk full',
  read_only: 'read-only',
  too_many_connections: 'too many connections',
  out_of_memory: 'out of memory',
  not_permitted: 'permission denied',
  login_refused: 'login refused',
  storage_failure: 'its storage fails',
  starting_or_stopping: 'starting or stopping',
  no_answer: 'no answer in time',
  unreachable: 'connection refused or lost',
  other: 'statements fail',
} as const;

export type OutageReason = keyof typeof outageReasons;

/** @see https://www.postgresql.org/docs/18/errcodes-appendix.html */
const reasonOfState: Readonly<Record<string, OutageReason>> = {
  '25006': 'read_only',
  '42501': 'not_permitted',
  '53100': 'disk_full',
  '53200': 'out_of_memory',
  '53300': 'too_many_connections',
  '55P03': 'no_answer',
  '57014': 'no_answer',
  '57P01': 'starting_or_stopping',
  '57P02': 'starting_or_stopping',
  '57P03': 'starting_or_stopping',
  '58000': 'storage_failure',
  '58030': 'storage_failure',
};
const reasonOfClass: Readonly<Record<string, OutageReason>> = { '08': 'unreachable', '28': 'login_refused' };
/** pg identifies these only by their message. */
const silentMessage = /^(Query read timeout|timeout e|Connection terminated due to connection timeout)/;

/** The reason of an outage, from an error of the database or of the connection to it. */
export function outageReasonOf(error: unknown): OutageReason {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const sqlState = cause instanceof DatabaseFailure ? cause.sqlState : sqlStateOf(cause);
    if (sqlState !== undefined) return reasonOfState[sqlState] ?? reasonOfClass[sqlState.slice(0, 2)] ?? 'other';
    if (cause instanceof UnfitServerError) return 'read_only';
    if (cause instanceof NoServerError) return outageReasonOf(cause.decisive);
    if (cause instanceof SilentConnectionError || silentMessage.test(cause.message)) return 'no_answer';
    if (cause.cause === undefined) return 'unreachable';
  }
  return 'other';
}

/** The outcomes of writes since the last call of `takeWrites`. */
export interface WriteOutcomes {
  readonly isAnyDone: boolean;
  /** The reason of the last one that failed. */
  readonly outage: OutageReason | undefined;
}

/** The health of the database, as the results of calls and probes show it. */
export class DatabaseHealth {
  readonly #counts = new Map<OutageReason, number>();
  #isAnyDone = false;
  #outage: OutageReason | undefined;

  /** The number of failed statements, transactions and probes by reason. */
  get failures(): ReadonlyMap<OutageReason, number> {
    return this.#counts;
  }

  failed(outage: OutageReason): void {
    this.#counts.set(outage, (this.#counts.get(outage) ?? 0) + 1);
  }

  writeFailed(outage: OutageReason): void {
    this.#outage = outage;
  }

  wrote(): void {
    this.#isAnyDone = true;
  }

  /** Returns the outcomes, and resets them. */
  takeWrites(): WriteOutcomes {
    const taken = { isAnyDone: this.#isAnyDone, outage: this.#outage };
    this.#isAnyDone = false;
    this.#outage = undefined;
    return taken;
  }
}
