import type { Command } from 'commander';
import { WhoAmIResponseSchema, type WhoAmIResponse } from '../../gen/coffer/v1/access_service_pb.ts';
import { usageError } from '../errors/command-error.ts';
import type { CommandContext } from '../context/context.ts';
import { messageJson } from '../credentials/credential-text.ts';
import { obtainToken } from '../input/obtain-token.ts';
import { printable } from '../output/terminal-text.ts';
import type { Profile } from '../settings/profile-file.ts';
import { findUrl, type SharedOptions } from '../settings/settings.ts';
import { storeLogin } from '../settings/stored-login.ts';

interface LoginOptions extends SharedOptions {
  readonly user?: string;
  readonly tokenStdin?: boolean;
  readonly keychain: boolean;
}

/** Registers `login`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('login')
    .option('--user <name>', 'log in with the password of a user, for a session of four hours')
    .option('--token-stdin', 'read an API key or another token from the standard input')
    .option('--no-keychain', 'keep the token in the profile file')
    .action((options: LoginOptions) => login(context, options));
}

/** The token is tried before it is kept. */
async function login(context: CommandContext, options: LoginOptions): Promise<void> {
  const { environment, output, profileFile } = context;
  if (options.user !== undefined && options.tokenStdin === true) {
    throw usageError('--user and --token-stdin exclude each other');
  }
  const profile = profileFile.readForLogin();
  const url = findUrl(options, { environment, profile });
  if (isReadableOnTheWay(url)) output.note('the connection is not encrypted: use an https URL');
  const token = await obtainToken(context, url, options);
  const caller = await context.connect(url, token).coffer.access.whoAmI({});
  const workspace = profile?.url === url ? workspaceToKeep(profile, caller) : undefined;
  const openKeychain = async () => (options.keychain ? context.openKeychain() : undefined);
  const place = await storeLogin({ url, token, workspace }, { profileFile, openKeychain });
  noteOverrides(context);
  const where = place === 'file' ? profileFile.path : 'the keychain';
  const text = () => `${printable(caller.name)} is logged in at ${url}. The token is kept in ${where}.\n`;
  output.print({ text, json: () => ({ url, caller: messageJson(WhoAmIResponseSchema, caller) }) }, options);
}

/** The workspace that was chosen at an earlier login, if the caller is a member of it. */
function workspaceToKeep({ workspace }: Profile, { grants }: WhoAmIResponse): string | undefined {
  return grants.some(({ workspaceId }) => workspaceId === workspace) ? workspace : undefined;
}

function noteOverrides({ environment, output }: CommandContext): void {
  for (const name of ['COFFER_URL', 'COFFER_TOKEN', 'COFFER_TOKEN_FILE', 'COFFER_WORKSPACE']) {
    if (environment[name]) output.note(`${name} is set, and takes precedence over the login`);
  }
}

/** Whether others on the network can read what is sent. */
function isReadableOnTheWay(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
