import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { run } from '../../src/command/program.ts';
import type { Environment } from '../../src/environment.ts';

/** What a command has printed, and how it has ended. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface CommandInput {
  /** What is piped into it; nothing if undefined. */
  readonly stdin?: string | Uint8Array;
  readonly environment?: Environment;
  /** Whether the standard output is a terminal. */
  readonly isTerminal?: boolean;
}

/** A user of the command, with an environment and a home directory, which is empty at first. */
export class CommandUser implements Disposable {
  readonly home = mkdtempSync(join(tmpdir(), 'coffer-home-'));
  readonly environment: Environment;

  constructor(environment: Environment = {}) {
    this.environment = environment;
  }

  /** The path of the profile file. */
  get profilePath(): string {
    return join(this.home, '.config/coffer/profile.json');
  }

  /** Runs a command to its end in this process. */
  async run(parameters: readonly string[], input: CommandInput = {}): Promise<CommandResult> {
    const [stdin, stdout, stderr] = [new PassThrough(), new Collector(), new Collector()];
    stdin.end(input.stdin);
    if (input.isTerminal) Object.assign(stdout, { isTTY: true });
    const exitCode = await run(parameters, {
      environment: { ...this.environment, ...input.environment },
      platform: process.platform,
      home: this.home,
      stdin,
      stdout,
      stderr,
    });
    return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
  }

  /** Runs a command that has to succeed, and returns what it prints. */
  async print(parameters: readonly string[], input: CommandInput = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(parameters, input);
    if (exitCode !== 0) throw new Error(`coffer ${parameters[0]} ended with ${exitCode}: ${stderr}`);
    return stdout;
  }

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A stream that keeps what is written to it. */
class Collector extends PassThrough {
  readonly #chunks: Buffer[] = [];

  override write(chunk: unknown): boolean {
    this.#chunks.push(Buffer.from(String(chunk)));
    return true;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}
