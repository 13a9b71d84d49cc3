import { sqlStateOf, DatabaseFailure } from './connect/database-failure.ts';
import { SilentConnectionError } from './connect/silence-watch.ts';
import { NoServerError, UnfitServerError } from './connect/unfit-server.ts';

/** Why the database does not serve: the label of the metric, and what an operator reads. */
export const troubles = {
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

export type Trouble = keyof typeof troubles;

/** @see https://www.postgresql.org/docs/18/errcodes-appendix.html */
const ofSqlStates: Readonly<Record<string, Trouble>> = {
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
const ofSqlClasses: Readonly<Record<string, Trouble>> = { '08': 'unreachable', '28': 'login_refused' };
/** pg says these by their messages only. */
const silentMessage = /^(Query read timeout|timeout e|Connection terminated due to connection timeout)/;

/** What is wrong with the database, by what it or the way to it failed with. */
export function troubleOf(error: unknown): Trouble {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const sqlState = cause instanceof DatabaseFailure ? cause.sqlState : sqlStateOf(cause);
    if (sqlState !== undefined) return ofSqlStates[sqlState] ?? ofSqlClasses[sqlState.slice(0, 2)] ?? 'other';
    if (cause instanceof UnfitServerError) return 'read_only';
    if (cause instanceof NoServerError) return troubleOf(cause.decisive);
    if (cause instanceof SilentConnectionError || silentMessage.test(cause.message)) return 'no_answer';
    if (cause.cause === undefined) return 'unreachable';
  }
  return 'other';
}
