import type { Command } from 'commander';
import { UnauthenticatedError } from '../../errors/errors.ts';
import type { CommandContext } from '../context/context.ts';
import type { Profile } from '../settings/profile-file.ts';
import type { SharedOptions } from '../settings/settings.ts';
import { removeLogin, storedToken } from '../settings/stored-login.ts';

/** Registers `logout`. */
export function register(program: Command, context: CommandContext): void {
  program.command('logout').action((options: SharedOptions) => logout(context, options));
}

/** The token is removed from this machine in any case; without the server, its session lasts until it expires. */
async function logout(context: CommandContext, options: SharedOptions): Promise<void> {
  const { output, profileFile } = context;
  const profile = profileFile.read();
  if (profile === undefined) return output.print({ text: () => 'There is no login.\n', json: () => ({}) }, options);
  try {
    await endSession(context, profile);
  } finally {
    await removeLogin(profile, { profileFile, openKeychain: () => context.openKeychain() });
  }
  const text = () => `The login at ${profile.url} has ended.\n`;
  output.print({ text, json: () => ({ url: profile.url }) }, options);
}

/** Ends the session of a user. An API key stays valid, and a session that has ended already is no error. */
async function endSession(context: CommandContext, profile: Profile): Promise<void> {
  const token = await storedToken(profile, () => context.openKeychain());
  try {
    await context.connect(profile.url, token).coffer.access.logout({});
  } catch (error) {
    if (!(error instanceof UnauthenticatedError)) throw error;
  }
}
