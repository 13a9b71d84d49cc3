import { refusalCodes, StartRefusal, type RefusalCode } from './start-refusal.ts';

/** What was to be revealed, and why it was not. */
export interface RevealAttempt {
  /** As the user knows it: a reference, or a name. */
  readonly subject: string;
  /** The code as in Connect's JSON, and the reason as in `google.rpc.ErrorInfo`. */
  readonly error?: { readonly code: string; readonly reason: string } | undefined;
}

interface Explanation {
  readonly exitCode: RefusalCode;
  readonly text: string;
}

const byReason: Readonly<Record<string, Explanation>> = {
  FIELD_NOT_FOUND: { exitCode: refusalCodes.absent, text: 'the credential has no such field' },
  AMBIGUOUS_NAME: { exitCode: refusalCodes.error, text: 'several active credentials have this name' },
  CREDENTIAL_INACTIVE: { exitCode: refusalCodes.error, text: 'the credential is inactive' },
  CREDENTIAL_EXPIRED: { exitCode: refusalCodes.error, text: 'the credential is expired' },
};

const byCode: Readonly<Record<string, Explanation>> = {
  not_found: { exitCode: refusalCodes.absent, text: 'does not exist' },
  permission_denied: { exitCode: refusalCodes.denied, text: 'does not exist, or the key may not reveal it' },
  unavailable: { exitCode: refusalCodes.unavailable, text: 'the server is not available' },
};

/** The exit code of several failures is the first of these: what is absent is what the user can add. */
const order: readonly RefusalCode[] = [
  refusalCodes.absent,
  refusalCodes.denied,
  refusalCodes.unavailable,
  refusalCodes.error,
];

/** @throws StartRefusal with all failures, where there is one */
export function refuseFailures(attempts: readonly RevealAttempt[]): void {
  const failures = attempts.flatMap(({ subject, error }) => (error ? [{ subject, ...explain(error) }] : []));
  if (failures.length === 0) return;
  const exitCode = order.find((code) => failures.some((failure) => failure.exitCode === code)) ?? refusalCodes.error;
  throw new StartRefusal(exitCode, failures.map(({ subject, text }) => `${subject}: ${text}`).join('; '));
}

function explain({ code, reason }: { readonly code: string; readonly reason: string }): Explanation {
  return byReason[reason] ?? byCode[code] ?? { exitCode: refusalCodes.error, text: `${code} ${reason}`.trim() };
}
