import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { refusalCodes, StartRefusal } from './start-refusal.ts';

/** Larger than any environment that a process can get. */
const fileBytesMax = 16 * 1024 * 1024;

/**
 * The variables of env files in the syntax of dotenv, without expansion of `$NAME`; a later file wins.
 *
 * @throws StartRefusal where a file cannot be read, or has a value that dotenvx encrypted
 */
export function readEnvFiles(paths: readonly string[]): ReadonlyMap<string, string> {
  return new Map(paths.flatMap((path) => readEnvFile(path)));
}

function readEnvFile(path: string): readonly (readonly [string, string])[] {
  const variables = Object.entries(parseEnv(readText(path))).map(([name, value = '']) => [name, value] as const);
  const encrypted = variables.find(([, value]) => value.startsWith('encrypted:'));
  if (encrypted) {
    throw new StartRefusal(
      refusalCodes.usage,
      `${path}: ${encrypted[0]} is encrypted by dotenvx; decrypt the file first`,
    );
  }
  return variables;
}

function readText(path: string): string {
  const bytes = readBytes(path);
  if (bytes.length > fileBytesMax) throw new StartRefusal(refusalCodes.usage, `${path} is larger than 16 MiB`);
  return bytes.toString('utf8');
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason';
    throw new StartRefusal(refusalCodes.usage, `the env file ${path} cannot be read: ${reason}`, { cause });
  }
}
