/** What the log contains of an unexpected error. */
export interface LoggedError {
  readonly name: string;
  readonly code?: string;
  /** Where it was thrown, without its message. */
  readonly stack: readonly string[];
  readonly cause?: LoggedError;
}

const causesMax = 5;

/**
 * Describes an unexpected error for the log, without its message: errors of parsers and database drivers quote values,
 * which may be secrets.
 */
export function describeUnknownError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { name: typeof error, stack: [] };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const stack = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    name: error.name,
    ...(code !== undefined && { code }),
    stack: stack.map((line) => line.trim()),
    ...(error.cause !== undefined && depth < causesMax && { cause: describeUnknownError(error.cause, depth + 1) }),
  };
}
