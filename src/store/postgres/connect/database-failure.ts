import { VaultError } from '../../../vault/errors.ts';
import { SilentConnectionError } from './silence-watch.ts';
import { DatabaseTlsError } from './tls-options.ts';

/** A server accepts sessions but cannot serve: it is a standby, or read-only. */
export class UnfitServerError extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = 'UnfitServerError';
  }
}

/** None of several hosts can serve. The message names each host with its reason, never the user or the password. */
export class NoServerError extends Error {
  readonly errors: readonly unknown[];

  constructor(hosts: readonly string[], errors: readonly unknown[]) {
    super(hosts.map((host, index) => `${host}: ${reasonOf(errors[index])}`).join('; '));
    this.name = 'NoServerError';
    this.errors = errors;
  }

  /** The most significant failure: that of a server which answered, if one did. */
  get decisive(): unknown {
    return this.errors.find((error) => error instanceof UnfitServerError) ?? this.errors[0];
  }
}

/** The code of a failure, or the message of pg about the connection, which contains no setting. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  // The addresses of a host fail as one error without a message.
  const [first] = error instanceof AggregateError ? error.errors : [error];
  const code: unknown = first instanceof Error ? Reflect.get(first, 'code') : undefined;
  return typeof code === 'string' ? code : error.message;
}

/**
 * The database refused a statement because of a bug or a tampered schema, not because of the caller. The message names the
 * SQLSTATE, the constraint and the table; it omits the message and detail of PostgreSQL, which quote the values of rows.
 *
 * @see https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
export class DatabaseFailure extends Error {
  readonly sqlState: string;
  readonly constraint: string | undefined;

  constructor(sqlState: string, constraint?: string, table?: string) {
    const place = [constraint && `constraint ${constraint}`, table && `table ${table}`].filter(Boolean).join(', ');
    super(`the database refused a statement: SQLSTATE ${sqlState}${place && ` (${place})`}`);
    this.name = 'DatabaseFailure';
    this.sqlState = sqlState;
    this.constraint = constraint;
  }
}

/** The connection was lost during a commit: the server may have done it, or may do it later. */
export class CommitUnknownError extends Error {
  constructor(cause: unknown) {
    super('the connection was lost during a commit', { cause });
    this.name = 'CommitUnknownError';
  }
}

/** Conditions of the server or the network, after which the same call may succeed a moment later. */
const unavailableSqlStates = new Set([
  '25006', // read_only_sql_transaction: a replica, after a failover
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '55000', // object_not_in_prerequisite_state: the database accepts no connections
  '55P03', // lock_not_available: lock_timeout
  '57014', // query_canceled by the server: statement_timeout
  '58000', // system_error
  '58030', // io_error
]);

/** connection_exception, insufficient_resources (such as disk_full), operator_intervention (such as a restart). */
const unavailableClasses = new Set(['08', '53', '57']);

const systemCodes = new Set([
  'EACCES',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** pg and its pool identify these only by their message. */
const connectionMessages = [
  /^Connection terminated/,
  /^timeout exceeded when trying to connect$/,
  /^timeout expired$/,
  /^Client (was closed|has encountered a connection error) and is not queryable/,
  /^Cannot use a pool after calling end on the pool$/,
  /^Query read timeout$/,
];

const connectionErrors = [DatabaseTlsError, NoServerError, UnfitServerError];

/**
 * Translates a failure for the caller: `canceled` if the signal was aborted, `unavailable` if the database cannot be reached or
 * gave up, a `DatabaseFailure` for anything else that it refused. Errors that are not of the database are returned unchanged.
 */
export function translateFailure(error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted && isAbort(error, signal)) return canceled(signal);
  if (!(error instanceof Error) || error instanceof VaultError) return error;
  if (error instanceof CommitUnknownError) return unavailable(error);
  if (connectionErrors.some((type) => error instanceof type)) return unavailable(error);
  const sqlState = sqlStateOf(error);
  if (sqlState === undefined) return isConnectionFailure(error) ? unavailable(error) : error;
  if (unavailableSqlStates.has(sqlState) || unavailableClasses.has(sqlState.slice(0, 2))) {
    return unavailable(new DatabaseFailure(sqlState));
  }
  return new DatabaseFailure(sqlState, textOf(error, 'constraint'), textOf(error, 'table'));
}

/** The error of a call whose signal was aborted; its cause is the reason of the signal. */
export function canceled(signal: AbortSignal): VaultError {
  return new VaultError('canceled', 'the call was canceled', {}, { cause: signal.reason });
}

/** Whether a retry of the transaction may succeed: it failed to serialize, or was in a deadlock. */
export function isCollision(error: unknown): boolean {
  const sqlState = error instanceof Error ? sqlStateOf(error) : undefined;
  return sqlState === '40001' || sqlState === '40P01';
}

/** Whether the server ended a statement: after its time, or because it was asked to. */
export function isCanceledStatement(error: unknown): boolean {
  return error instanceof Error && sqlStateOf(error) === '57014';
}

/** The constraint that a statement violated, from an error of pg or a `DatabaseFailure`. */
export function constraintOf(error: unknown): string | undefined {
  return error instanceof Error ? textOf(error, 'constraint') : undefined;
}

/** Whether a connection is unusable after an error: it was lost, or the server is about to close it. */
export function endsSession(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof CommitUnknownError) return true;
  const sqlState = sqlStateOf(error);
  // By code, since the word FATAL is in the language of the server: admin_shutdown and similar, and the idle timeouts.
  return sqlState === undefined ? isConnectionFailure(error) : /^(08...|57P..|25P03|25P04)$/.test(sqlState);
}

/** Whether the server refuses writes (read_only_sql_transaction), for example since it became a standby. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof Error && sqlStateOf(error) === '25006';
}

/** The SQLSTATE of an error of PostgreSQL that pg or the ORM throws; undefined for any other error. */
export function sqlStateOf(error: Error): string | undefined {
  const code = textOf(error, 'code');
  return code !== undefined && 'severity' in error && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  if (error === signal.reason) return true;
  return error instanceof Error && (error.name === 'AbortError' || sqlStateOf(error) === '57014');
}

function isConnectionFailure(error: Error): boolean {
  const code = textOf(error, 'code');
  return (
    error instanceof SilentConnectionError ||
    (code !== undefined && systemCodes.has(code)) ||
    connectionMessages.some((pattern) => pattern.test(error.message))
  );
}

function unavailable(cause: Error): VaultError {
  return new VaultError('unavailable', 'the database is not available', {}, { cause });
}

function textOf(error: Error, member: string): string | undefined {
  const value: unknown = Reflect.get(error, member);
  return typeof value === 'string' ? value : undefined;
}
