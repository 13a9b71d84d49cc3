type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Where this folder reports to; a pino logger is one. Fields hold folders, process ids, account names and error codes. */
export type EmbeddedLog = { readonly info: Write; readonly warn: Write; readonly error: Write };
