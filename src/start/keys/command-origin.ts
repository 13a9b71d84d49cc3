import { spawn, type ChildProcess } from 'node:child_process';
import type { MasterKeyConfig } from '../../config/config.ts';
import { masterKeyOf, MasterKeyUnavailableError, type MasterKeyOrigin } from './master-key-origin.ts';

const timeoutMs = 10_000;
/** A key has 44 characters; the rest is room for line ends. */
const outputBytesMax = 64;

/**
 * Runs a program that prints the master key, such as the client of a cloud's KMS or of a password manager: 32 bytes in base64 and
 * nothing else. It runs without a shell. Its error output goes nowhere, because it may quote the key or a credential.
 *
 * @param name what an operator knows the command by
 */
export function commandOrigin(
  command: Extract<MasterKeyConfig, { kind: 'command' }>,
  name = 'COFFER_MASTER_KEY_COMMAND',
): MasterKeyOrigin {
  return { name, obtain: async () => masterKeyOf(name, (await outputOf(command, name)).trim()) };
}

function outputOf(
  { parameters, program }: Extract<MasterKeyConfig, { kind: 'command' }>,
  name: string,
): Promise<string> {
  const { promise, reject, resolve } = Promise.withResolvers<string>();
  // Leads a group, so that what it starts itself ends with it.
  const child = spawn(program, [...parameters], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  const fail = (problem: string, options?: ErrorOptions): void => {
    reject(new MasterKeyUnavailableError(name, problem, options));
    killGroup(child);
    child.stdout.destroy();
  };
  const timer = setTimeout(() => fail(`did not end within ${timeoutMs / 1_000} s`), timeoutMs);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    if (lengthOf(chunks) > outputBytesMax) fail('printed more than 32 bytes in base64');
  });
  child.on('error', (error) => fail(`cannot be run: ${codeOf(error)}`, { cause: error }));
  child.on('close', (code, signal) => {
    if (code === 0) resolve(Buffer.concat(chunks).toString('latin1'));
    else fail(code === null ? `was ended by ${signal}` : `ended with exit code ${code}`);
  });
  return promise.finally(() => {
    clearTimeout(timer);
    for (const chunk of chunks) chunk.fill(0);
  });
}

/** The group may have ended already. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    return;
  }
}

function lengthOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((bytes, chunk) => bytes + chunk.length, 0);
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.name;
}
