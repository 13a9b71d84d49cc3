import type { Readable, Writable } from 'node:stream';
import { Coffer } from '../../coffer.ts';
import type { Environment } from '../../environment.ts';
import type { Terminal } from '../terminal/prompts.ts';
import { Output, type OutputStream } from '../output/output.ts';
import { isWorkspaceId } from './workspace-id.ts';
import { openKeychain, type Keychain } from '../settings/keychain.ts';
import { ProfileFile } from '../settings/profile-file.ts';
import { findSettings, type Settings, type SharedOptions } from '../settings/settings.ts';

/** What the command has of the machine and of the process that started it. */
export interface Host {
  readonly environment: Environment;
  readonly platform: NodeJS.Platform;
  /** The user's home directory. */
  readonly home: string;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & OutputStream;
  readonly stderr: Writable & OutputStream;
}

/** A server, a workspace, and a client that calls as the caller of the settings. */
export interface Session {
  readonly coffer: Coffer;
  readonly workspaceId: string;
  readonly url: string;
  /** For calls that the client does not make; absent before a login. */
  readonly token: string | undefined;
}

/** What the commands have in common. */
export class CommandContext {
  readonly environment: Environment;
  readonly platform: NodeJS.Platform;
  readonly stdin: Host['stdin'];
  readonly output: Output;
  readonly profileFile: ProfileFile;
  /** Questions are asked on the standard error, so that results can be piped at the same time. */
  readonly terminal: Terminal;
  /** The exit code of a command that succeeds; `run` sets that of the program that it runs. */
  exitCode = 0;
  #session: Session | undefined;

  constructor(host: Host) {
    this.environment = host.environment;
    this.platform = host.platform;
    this.stdin = host.stdin;
    this.output = new Output(host.stdout, host.stderr, host.environment);
    this.profileFile = new ProfileFile(host);
    this.terminal = { input: host.stdin, output: host.stderr };
  }

  /** The session that was opened last; undefined before. */
  get session(): Session | undefined {
    return this.#session;
  }

  /**
   * The server, the workspace and the token of the options, the environment or the profile.
   *
   * @throws CommandError if there is no token for the server
   */
  findSettings(options: SharedOptions): Promise<Settings> {
    const profile = this.profileFile.read();
    return findSettings(options, { environment: this.environment, profile, openKeychain });
  }

  /**
   * Prepares calls to the server of the options, the environment or the profile. Nothing is sent yet.
   *
   * @throws CommandError if there is no token for the server
   */
  async openSession(options: SharedOptions): Promise<Session> {
    const { url, token, workspace } = await this.findSettings(options);
    const session = this.connect(url, token);
    if (isWorkspaceId(workspace)) return this.#keep({ ...session, workspaceId: workspace });
    const { findWorkspace } = await import('./find-workspace.ts');
    const { id } = await findWorkspace(session, workspace);
    return this.#keep({ ...session, workspaceId: id });
  }

  /** Prepares calls to a server with a token, or without one to log in. The workspace is the caller's default one. */
  connect(url: string, token?: string): Session {
    return this.#keep({ coffer: new Coffer({ url, token }), workspaceId: 'default', url, token });
  }

  #keep(session: Session): Session {
    this.#session = session;
    return session;
  }

  /** The keychain of the operating system; undefined if there is none. */
  openKeychain(): Promise<Keychain | undefined> {
    return openKeychain();
  }
}
