/** The limits of statements and of idle transactions. */
export interface TimeLimits {
  /** Enforced by the server. This process waits `answerGraceMs` longer, then closes the connection. */
  readonly statementMs: number;
  /** The server ends a session that is idle in a transaction for longer, which releases its locks. */
  readonly idleInTransactionMs: number;
}

/** For the statements of calls, which exceed this only while they wait for a lock. */
export const callLimits: TimeLimits = { statementMs: 7_000, idleInTransactionMs: 5_000 };

/** For work that reads or rewrites whole tables: verification, export, pruning, and signing after an upgrade. */
export const longWorkLimits: TimeLimits = { statementMs: 600_000, idleInTransactionMs: 60_000 };

/** The additional time that this process waits for the server. */
export const answerGraceMs = 1_000;

/** The time limit for opening a connection, and for waiting for one of the pool. */
export const connectWithinMs = 5_000;

/** TCP probes an idle connection after this time, and closes it ten seconds later. */
export const keepAliveAfterMs = 2_000;

/**
 * The first statements of each pool session. They are statements since poolers support few startup parameters. The TCP settings
 * make the server end the session of a client that has disappeared; Unix sockets ignore them.
 *
 * @see https://www.postgresql.org/docs/18/runtime-config-connection.html#GUC-TCP-USER-TIMEOUT
 */
export const limitSettings: readonly string[] = [
  `set statement_timeout = ${callLimits.statementMs}`,
  `set idle_in_transaction_session_timeout = ${callLimits.idleInTransactionMs}`,
  'set tcp_keepalives_idle = 2',
  'set tcp_keepalives_interval = 1',
  'set tcp_keepalives_count = 5',
  `set tcp_user_timeout = ${callLimits.statementMs}`,
];
