import { DatabaseFailure, NoServerError, sqlStateOf, UnfitServerError } from './connect/database-failure.ts';
import { SilentConnectionError } from './connect/silence-watch.ts';

/** Why the database does not serve: the label of the metric, and what an operator reads. */
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
const ofSqlStates: Readonly<Record<string, OutageReason>> = {
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
const ofSqlClasses: Readonly<Record<string, OutageReason>> = { '08': 'unreachable', '28': 'login_refused' };
/** pg says these by their messages only. */
const silentMessage = /^(Query read timeout|timeout e|Connection terminated due to connection timeout)/;

/** What is wrong with the database, by what it or the way to it failed with. */
export function outageReasonOf(error: unknown): OutageReason {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const sqlState = cause instanceof DatabaseFailure ? cause.sqlState : sqlStateOf(cause);
    if (sqlState !== undefined) return ofSqlStates[sqlState] ?? ofSqlClasses[sqlState.slice(0, 2)] ?? 'other';
    if (cause instanceof UnfitServerError) return 'read_only';
    if (cause instanceof NoServerError) return outageReasonOf(cause.decisive);
    if (cause instanceof SilentConnectionError || silentMessage.test(cause.message)) return 'no_answer';
    if (cause.cause === undefined) return 'unreachable';
  }
  return 'other';
}

/** What became of the writes since it was last asked. */
export interface WriteOutcomes {
  readonly isAnyDone: boolean;
  /** Of the last one that failed. */
  readonly outage: OutageReason | undefined;
}

/** What calls and probes find out about the database by using it. */
export class DatabaseHealth {
  readonly #counts = new Map<OutageReason, number>();
  #isAnyDone = false;
  #outage: OutageReason | undefined;

  /** How often statements, transactions and probes have failed, by the reason. */
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

  /** Forgets what it answers. */
  takeWrites(): WriteOutcomes {
    const taken = { isAnyDone: this.#isAnyDone, outage: this.#outage };
    this.#isAnyDone = false;
    this.#outage = undefined;
    return taken;
  }
}
