/** How the command ends. `run` returns the exit code of the program that it runs. */
export const exitCodes = {
  success: 0,
  error: 1,
  usage: 2,
  absent: 3,
  denied: 4,
  unavailable: 5,
} as const;
