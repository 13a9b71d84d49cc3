/** Why an import cannot go on; its message is for the user, and never contains a secret. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
  /** Whether the call was wrong, such as a missing option, rather than the source. */
  readonly isUsage: boolean;

  constructor(message: string, { isUsage = false, cause }: { isUsage?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.isUsage = isUsage;
  }
}

/** An error of the call: a missing or contradicting option. */
export function usageError(message: string): ImportError {
  return new ImportError(message, { isUsage: true });
}

/** The code of a system error such as `ENOENT`; undefined where an error has none. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
