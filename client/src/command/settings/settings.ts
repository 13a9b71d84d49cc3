import { readFileSync } from 'node:fs';
import { defaultUrl, parseEnvironment, type Environment } from '../../environment.ts';
import { parseUrl } from '../../transport/endpoint.ts';
import { CommandError, usageError } from '../errors/command-error.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import type { Keychain } from './keychain.ts';
import type { Profile } from './profile-file.ts';
import { storedToken } from './stored-login.ts';

/** The options that every command takes, before or after its name. */
export interface SharedOptions {
  readonly url?: string;
  readonly workspace?: string;
  readonly json?: boolean;
}

/** Which server, which workspace, and as which caller. */
export interface Settings {
  readonly url: string;
  readonly workspace: string;
  readonly token: string;
}

/** Where settings come from. */
export interface SettingSources {
  readonly environment: Environment;
  readonly profile: Profile | undefined;
  readonly openKeychain: () => Promise<Keychain | undefined>;
}

/**
 * The settings of a command: options, then environment variables, then the profile.
 *
 * The token and the workspace of the profile are used for the server of the profile only, so that neither an option nor a
 * variable can send the token elsewhere.
 *
 * @throws CommandError if there is no token for the server
 */
export async function findSettings(options: SharedOptions, sources: SettingSources): Promise<Settings> {
  const url = findUrl(options, sources);
  const profile = sources.profile?.url === url ? sources.profile : undefined;
  const token =
    tokenOfEnvironment(sources.environment) ?? (profile && (await storedToken(profile, sources.openKeychain)));
  if (token === undefined) throw new CommandError(exitCodes.denied, `not logged in at ${url}: run coffer login`);
  const workspace = options.workspace || sources.environment['COFFER_WORKSPACE'] || profile?.workspace || 'default';
  return { url, workspace, token };
}

/** The URL of the server: `--url`, `COFFER_URL`, that of the profile, or that of a server on this machine. */
export function findUrl(
  options: SharedOptions,
  { environment, profile }: Pick<SettingSources, 'environment' | 'profile'>,
): string {
  return parseUrl(options.url || environment['COFFER_URL'] || profile?.url || defaultUrl);
}

/** The token of `COFFER_TOKEN`, or of the file that `COFFER_TOKEN_FILE` names; undefined if neither is set. */
function tokenOfEnvironment(environment: Environment): string | undefined {
  const { token } = parseEnvironment(environment, readTokenFile);
  const text = typeof token === 'function' ? token() : token;
  return typeof text === 'string' ? text : undefined;
}

/** @throws CommandError if the file cannot be read, or is empty */
function readTokenFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? `: ${String(error.code)}` : '';
    throw usageError(`the file of COFFER_TOKEN_FILE cannot be read${reason}`);
  }
  if (text.trim() === '') throw usageError('the file of COFFER_TOKEN_FILE is empty');
  return text;
}
