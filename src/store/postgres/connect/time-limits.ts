/** How long a statement may run, and how long a transaction may wait for its next one. */
export interface TimeLimits {
  /** At the server; this process waits `answerGraceMs` longer for the answer, then gives up the connection. */
  readonly statementMs: number;
  /** A session that is idle in a transaction for longer is ended by the server, which releases its locks. */
  readonly idleInTransactionMs: number;
}

/** Of the statements of calls: none takes so long except while it waits for a lock. */
export const callLimits: TimeLimits = { statementMs: 7_000, idleInTransactionMs: 5_000 };

/** Of work that reads or rewrites whole tables: verification, export, pruning, and signing after an upgrade. */
export const longWorkLimits: TimeLimits = { statementMs: 600_000, idleInTransactionMs: 60_000 };

/** How much longer than the server this process waits. */
export const answerGraceMs = 1_000;

/** How long opening a connection may take, and how long a call waits for one. */
export const connectWithinMs = 5_000;

/** An idle connection is probed after this time; the system gives it up ten seconds later. */
export const keepAliveAfterMs = 2_000;

/**
 * What a session of calls begins with. Statements rather than startup parameters, of which poolers know few. The settings of
 * TCP have the server end a session whose client is gone without a word, and are ignored for Unix sockets.
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
