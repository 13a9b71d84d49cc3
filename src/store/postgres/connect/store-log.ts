type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Where the store reports to; a pino logger is one. Fields hold table names, ids and SQLSTATEs, never values of rows. */
export interface StoreLog {
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}
