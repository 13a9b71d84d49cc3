import { CommandError } from '../errors/command-error.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import type { Keychain } from './keychain.ts';
import type { Profile, ProfileFile } from './profile-file.ts';

/** A login to keep. */
export interface Login {
  readonly url: string;
  readonly token: string;
  readonly workspace: string | undefined;
}

/** Where logins are kept. */
export interface LoginPlaces {
  readonly profileFile: ProfileFile;
  readonly openKeychain: () => Promise<Keychain | undefined>;
}

/** Keeps a login in place of the earlier one. The token is kept in the keychain, or without one in the profile file. */
export async function storeLogin(
  { url, token, workspace }: Login,
  { profileFile, openKeychain }: LoginPlaces,
): Promise<Profile['tokenPlace']> {
  const earlier = profileFile.readForLogin();
  const keychain = await openKeychain();
  await keychain?.write(url, token);
  const chosen = workspace === undefined ? {} : { workspace };
  profileFile.write(
    keychain === undefined ? { url, ...chosen, tokenPlace: 'file', token } : { url, ...chosen, tokenPlace: 'keychain' },
  );
  if (earlier?.tokenPlace === 'keychain' && earlier.url !== url) await keychain?.remove(earlier.url);
  return keychain === undefined ? 'file' : 'keychain';
}

/**
 * The token of a profile; undefined if the keychain has none.
 *
 * @throws CommandError if the keychain does not open
 */
export async function storedToken(
  profile: Profile,
  openKeychain: () => Promise<Keychain | undefined>,
): Promise<string | undefined> {
  if (profile.tokenPlace === 'file') return profile.token;
  const keychain = await openKeychain();
  if (keychain !== undefined) return keychain.read(profile.url);
  throw new CommandError(
    exitCodes.error,
    'the keychain with the token does not open: unlock it, or run coffer login --no-keychain',
  );
}

/** Removes a login from this machine. */
export async function removeLogin(profile: Profile, { profileFile, openKeychain }: LoginPlaces): Promise<void> {
  if (profile.tokenPlace === 'keychain') await (await openKeychain())?.remove(profile.url);
  profileFile.remove();
}
