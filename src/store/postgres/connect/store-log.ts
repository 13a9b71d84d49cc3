type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** The log of the store, such as a pino logger. Fields contain table names, ids and SQLSTATEs, never values of rows. */
export interface StoreLog {
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}
