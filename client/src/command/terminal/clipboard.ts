import { spawn } from 'node:child_process';
import { CommandError } from '../errors/command-error.ts';
import { exitCodes } from '../errors/exit-codes.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A program that puts its standard input into the clipboard, and where it works. */
interface ClipboardProgram {
  readonly command: readonly [string, ...string[]];
  readonly works: (platform: NodeJS.Platform, environment: Environment) => boolean;
}

const programs: readonly ClipboardProgram[] = [
  { command: ['pbcopy'], works: (platform) => platform === 'darwin' },
  { command: ['clip'], works: (platform) => platform === 'win32' },
  { command: ['wl-copy'], works: (_, environment) => Boolean(environment['WAYLAND_DISPLAY']) },
  { command: ['xclip', '-selection', 'clipboard'], works: (_, environment) => Boolean(environment['DISPLAY']) },
  { command: ['xsel', '--clipboard', '--input'], works: (_, environment) => Boolean(environment['DISPLAY']) },
];

/**
 * Copies a text to the clipboard, by the first program that is installed. The text is passed through its standard input, never
 * as an argument.
 *
 * @throws CommandError if there is none
 */
export async function copyToClipboard(
  text: string,
  { platform, environment }: { readonly platform: NodeJS.Platform; readonly environment: Environment },
): Promise<void> {
  for (const { command, works } of programs) {
    if (works(platform, environment) && (await feed(command, text, environment))) return;
  }
  throw new CommandError(
    exitCodes.error,
    'there is no clipboard: --copy uses pbcopy, clip, wl-copy, xclip or xsel, and a display',
  );
}

/** Runs a program on an input, and returns whether it was there and succeeded. */
function feed(
  [program, ...parameters]: readonly [string, ...string[]],
  text: string,
  env: Environment,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  // Not its standard output: xclip keeps it open while it serves the clipboard.
  const child = spawn(program, parameters, { env, stdio: ['pipe', 'ignore', 'ignore'] });
  child.on('error', () => resolve(false));
  child.on('exit', (code) => resolve(code === 0));
  // A program that ends early also ends with an error, which is reported by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(text);
  return promise;
}
