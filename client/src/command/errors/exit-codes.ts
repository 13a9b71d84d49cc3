/** How the command ends. `run` returns the exit code of the program that it runs. */
export const exitCodes = {
  success: 0,
  error: 1,
  usage: 2,
  absent: 3,
  denied: 4,
  unavailable: 5,
  /** The program of `run` cannot be executed, as shells report it. */
  notExecutable: 126,
  /** The program of `run` is not found, as shells report it. */
  notFound: 127,
  /** Canceled at a question: 128 plus the number of SIGINT, as shells report it. */
  interrupted: 130,
  /** The reader of the output has gone: 128 plus the number of SIGPIPE. */
  brokenPipe: 141,
} as const;

/** One of these codes. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
