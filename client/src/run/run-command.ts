import { excludeMemoryFromCoreDumps } from './core-dumps.ts';
import { readEnvFiles } from './env-file.ts';
import { planEnvironment, type EnvironmentRules, type Variables } from './environment.ts';
import { execute } from './execute.ts';
import { fetchEnvironment } from './fetch-environment.ts';
import { locateProgram, type LocatedProgram } from './locate-program.ts';
import type { VaultCalls } from './vault-calls.ts';

/** What `coffer run` is asked for. */
export interface RunRequest {
  /** The command and its parameters. */
  readonly command: readonly string[];
  readonly inherited: Variables;
  /** Paths of env files; a later one wins. */
  readonly envFiles: readonly string[];
  /** The filter of credentials whose fields all become variables. */
  readonly allOf: string | undefined;
  readonly rules: EnvironmentRules;
  /** Makes the client, where there is something to fetch. */
  readonly connect: () => Promise<VaultCalls>;
}

/**
 * Runs a command with its secrets in the environment. Where it can, this process becomes the command, and does not
 * return. Nothing may have read from the standard input before.
 *
 * @returns the exit code of the command, or 128 + n where signal n ended it
 * @throws StartRefusal where the command is not started
 * @throws CofferError where a call fails
 */
export async function runCommand(request: RunRequest): Promise<number> {
  const { inherited, envFiles, allOf, rules, connect } = request;
  const plan = planEnvironment(inherited, readEnvFiles(envFiles), rules);
  // The command is found before a secret is revealed, which could be in vain; its path can be a secret, if that is allowed.
  const found = plan.references.has('PATH') ? undefined : locate(request, plan.variables.get('PATH'));
  const restoreCoreDumps = excludeMemoryFromCoreDumps();
  const { variables } = await fetchEnvironment(connect, { plan, allOf, rules });
  return execute(found ?? locate(request, variables['PATH']), variables, restoreCoreDumps);
}

function locate({ command, rules: { platform } }: RunRequest, path: string | undefined): LocatedProgram {
  return locateProgram(command, { path, platform });
}
