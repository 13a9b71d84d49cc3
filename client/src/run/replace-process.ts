/** A program that is found, and what it gets. */
export interface Program {
  readonly file: string;
  /** Beginning with the name that the program sees as its own. */
  readonly parameters: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Node ignores these, and what is ignored stays ignored in the new program; a listener is not inherited. */
const signalsIgnoredByNode = ['SIGPIPE', 'SIGXFSZ'] as const;

/**
 * Turns this process into another program, which keeps its process id, terminal and standard streams. Does not return; a
 * failure aborts the process, so the caller has to make certain that there is none.
 *
 * @see https://nodejs.org/api/process.html#processexecvefile-args-env
 */
export function replaceProcess({ file, parameters, environment }: Program): never {
  if (!process.execve) throw new Error('this system cannot replace a process');
  for (const signal of signalsIgnoredByNode) process.on(signal, ignore);
  for (const stream of [process.stdin, process.stdout, process.stderr]) makeBlocking(stream);
  return process.execve(file, parameters, environment);
}

/** Node makes a pipe non-blocking when it opens it; the program, which gets the same pipe, could take that for an error. */
function makeBlocking(stream: object): void {
  const handle: unknown = Reflect.get(stream, '_handle');
  if (typeof handle !== 'object' || handle === null || !('setBlocking' in handle)) return;
  if (typeof handle.setBlocking === 'function') handle.setBlocking(true);
}

function ignore(): void {
  // Registered for its effect on the disposition of the signal.
}
