import { CofferError, UnauthenticatedError, UnavailableError, type CofferErrorCode } from '../../errors/errors.ts';
import { CommandError } from './command-error.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';

/** What is reported of an error. */
export interface Failure {
  readonly exitCode: ExitCode;
  readonly message: string;
  /** As in the errors of the API. */
  readonly code?: CofferErrorCode | undefined;
  readonly reason?: string | undefined;
}

/** The exit codes of the errors of a server; all others are 1. */
const codes: Partial<Readonly<Record<CofferErrorCode, ExitCode>>> = {
  invalid_argument: exitCodes.usage,
  not_found: exitCodes.absent,
  permission_denied: exitCodes.denied,
  unauthenticated: exitCodes.denied,
  unavailable: exitCodes.unavailable,
  deadline_exceeded: exitCodes.unavailable,
};

/** The exit codes of reasons that differ from that of their code: a version or a field is absent. */
const reasons: Readonly<Record<string, ExitCode>> = {
  FIELD_NOT_FOUND: exitCodes.absent,
  VERSION_NOT_FOUND: exitCodes.absent,
  VERSION_DESTROYED: exitCodes.absent,
};

/** Describes an error that has ended a command. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CommandError) {
    const { exitCode, message, code } = error;
    return { exitCode, message, code };
  }
  if (error instanceof CofferError) {
    const { code, reason } = error;
    return { exitCode: exitCodeOf(code, reason), message: messageOf(error), code, reason };
  }
  return { exitCode: exitCodes.error, message: error instanceof Error ? error.message : String(error) };
}

/** The exit code for an error of a server, or of an item of a batch. */
export function exitCodeOf(code: string, reason: string | undefined): ExitCode {
  const ofReason = Object.entries(reasons).find(([name]) => name === reason)?.[1];
  return ofReason ?? Object.entries(codes).find(([name]) => name === code)?.[1] ?? exitCodes.error;
}

function messageOf(error: CofferError): string {
  if (error instanceof UnauthenticatedError) return `${error.message}: run coffer login`;
  const cause = error instanceof UnavailableError ? systemCode(error) : undefined;
  return cause === undefined ? error.message : `${error.message} (${cause})`;
}

/** The code of the error of the operating system that is the cause, such as ECONNREFUSED. */
function systemCode(error: Error): string | undefined {
  if ('code' in error && typeof error.code === 'string' && /^[A-Z_]+$/.test(error.code)) return error.code;
  return error.cause instanceof Error ? systemCode(error.cause) : undefined;
}
