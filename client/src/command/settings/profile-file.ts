import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { CommandError } from '../errors/command-error.ts';
import { exitCodes } from '../errors/exit-codes.ts';

/** What a login leaves for the commands after it. */
export interface Profile {
  /** The server. The token is sent to no other one. */
  readonly url: string;
  /** The UUID of the workspace that `coffer use` chose. */
  readonly workspace?: string;
  /** Where the token is: in this file, or in the keychain under the URL. */
  readonly tokenPlace: 'file' | 'keychain';
  /** The token, if it is in this file. */
  readonly token?: string;
}

/** Where the profile is kept, by the conventions of the operating system. */
export interface ProfileLocation {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly home: string;
}

/**
 * The path of the profile file: `coffer/profile.json` in `$XDG_CONFIG_HOME`, by default `~/.config`; in `%APPDATA%` on Windows.
 *
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
function profilePath({ environment, platform, home }: ProfileLocation): string {
  const appData = platform === 'win32' ? environment['APPDATA'] : undefined;
  const folder = environment['XDG_CONFIG_HOME'] || appData || join(home, '.config');
  return join(folder, 'coffer', 'profile.json');
}

/** The profile file, which only its owner may read (mode 0600, in a folder of mode 0700). */
export class ProfileFile {
  readonly path: string;
  readonly #platform: NodeJS.Platform;

  constructor(location: ProfileLocation) {
    this.path = profilePath(location);
    this.#platform = location.platform;
  }

  /**
   * Reads the profile; undefined if there is none.
   *
   * @throws CommandError if other users may read the file, or if it is no profile
   */
  read(): Profile | undefined {
    const file = openIfPresent(this.path);
    if (file === undefined) return undefined;
    try {
      if (this.#platform !== 'win32' && (fstatSync(file).mode & 0o077) !== 0) {
        throw new CommandError(
          exitCodes.error,
          `other users can read ${this.path}: run chmod 600 on it, or log in anew`,
        );
      }
      return this.#parse(readFileSync(file, 'utf8'));
    } finally {
      closeSync(file);
    }
  }

  /** The same for a login, which replaces a profile that is refused: undefined for such a one. */
  readForLogin(): Profile | undefined {
    try {
      return this.read();
    } catch (error) {
      if (error instanceof CommandError) return undefined;
      throw error;
    }
  }

  /** Replaces the profile. A reader sees the old or the new one, also after a crash. */
  write(profile: Profile): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const draft = `${this.path}.${randomBytes(6).toString('hex')}`;
    const file = openSync(draft, 'wx', 0o600);
    try {
      writeSync(file, `${JSON.stringify(profile, undefined, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, this.path);
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }

  #parse(text: string): Profile {
    const profile = profileOf(parseJson(text));
    if (profile !== undefined) return profile;
    throw new CommandError(exitCodes.error, `${this.path} is not a profile: run coffer login`);
  }
}

function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Not the error of JSON.parse, which quotes the text. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function profileOf(value: unknown): Profile | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { url, workspace, tokenPlace, token }: Partial<Record<keyof Profile, unknown>> = value;
  if (typeof url !== 'string' || (tokenPlace !== 'file' && tokenPlace !== 'keychain')) return undefined;
  return {
    url,
    tokenPlace,
    ...(typeof workspace === 'string' && { workspace }),
    ...(typeof token === 'string' && { token }),
  };
}
