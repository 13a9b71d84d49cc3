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
