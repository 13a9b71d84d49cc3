import { VaultError } from '../../../vault/errors.ts';
import { SilentConnectionError } from './silence-watch.ts';
import { DatabaseTlsError } from './tls-options.ts';

/** A server answers, and its sessions are of no use: it is a standby, or lets nobody write. */
export class UnfitServerError extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = 'UnfitServerError';
  }
}

/** None of several hosts takes a session that is of use. Names each host with its reason, never the user or password. */
export class NoServerError extends Error {
  readonly errors: readonly unknown[];

  constructor(hosts: readonly string[], errors: readonly unknown[]) {
    super(hosts.map((host, index) => `${host}: ${reasonOf(errors[index])}`).join('; '));
    this.name = 'NoServerError';
    this.errors = errors;
  }

  /** The failure that says most: that of a server which answered, if any did. */
  get decisive(): unknown {
    return this.errors.find((error) => error instanceof UnfitServerError) ?? this.errors[0];
  }
}

/** The code of a failure, or pg's own words about the connection, which hold no setting. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  // Several addresses of one host fail together, without a message.
  const [first] = error instanceof AggregateError ? error.errors : [error];
  const code: unknown = first instanceof Error ? Reflect.get(first, 'code') : undefined;
  return typeof code === 'string' ? code : error.message;
}

/**
 * A failure of the database that is nobody's fault outside: a bug, or a tampered schema. Its message names the SQLSTATE,
 * the constraint and the table; PostgreSQL's own message and detail are left out, since they quote the values of rows.
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

/** The connection was lost while a commit was under way: the server may have made it, or may yet. */
export class CommitUnknownError extends Error {
  constructor(cause: unknown) {
    super('the connection was lost during a commit', { cause });
    this.name = 'CommitUnknownError';
  }
}

/** Conditions of the server or of the way to it; the same call may succeed a moment later. */
const unavailableSqlStates = new Set([
  '25006', // read_only_sql_transaction: a replica, after a failover
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '55000', // object_not_in_prerequisite_state: the database accepts no connections
  '55P03', // lock_not_available: lock_timeout
  '57014', // query_canceled, where nobody aborted: statement_timeout
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

/** pg and its pool tell these by their message alone. */
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
 * Tells what a failure means to the caller: `canceled` where the signal was aborted, `unavailable` where the database
 * can't be reached or gave up, a `DatabaseFailure` for what else it refused. Anything that is not of the database is
 * answered as it is.
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

/** The refusal of a call whose signal was aborted; the cause is the signal's reason. */
export function canceled(signal: AbortSignal): VaultError {
  return new VaultError('canceled', 'the call was canceled', {}, { cause: signal.reason });
}

/** Tells whether another try of the same transaction may succeed: the two ways in which transactions collide. */
export function isCollision(error: unknown): boolean {
  const sqlState = error instanceof Error ? sqlStateOf(error) : undefined;
  return sqlState === '40001' || sqlState === '40P01';
}

/** The constraint that a statement violated, of an error of pg's or of ours. */
export function constraintOf(error: unknown): string | undefined {
  return error instanceof Error ? textOf(error, 'constraint') : undefined;
}

/** Tells whether a connection is of no more use after an error: it was lost, or the server is about to close it. */
export function endsSession(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof CommitUnknownError) return true;
  const sqlState = sqlStateOf(error);
  // By code, since the word FATAL comes in the server's language: admin_shutdown and its like, and the idle timeouts.
  return sqlState === undefined ? isConnectionFailure(error) : /^(08...|57P..|25P03|25P04)$/.test(sqlState);
}

/** Whether the server lets nobody write (read_only_sql_transaction), as when it has become a standby. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof Error && sqlStateOf(error) === '25006';
}

/** The SQLSTATE of an error of PostgreSQL, whether pg or the ORM throws it; undefined for any other error. */
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
