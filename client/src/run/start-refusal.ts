/** Why a command does not do its work; the message is for the user, and contains no value. */
export class StartRefusal extends Error {
  override readonly name = 'StartRefusal';
  readonly exitCode: RefusalCode;

  constructor(exitCode: RefusalCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** 126 and 127 are those of shells. @see POSIX.1-2024, Shell Command Language, 2.8.2 */
export const refusalCodes = {
  error: 1,
  usage: 2,
  absent: 3,
  denied: 4,
  unavailable: 5,
  notExecutable: 126,
  notFound: 127,
} as const;

/** One of these codes. */
export type RefusalCode = (typeof refusalCodes)[keyof typeof refusalCodes];
