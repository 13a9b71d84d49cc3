import type { WhoAmIResponse } from '../gen/coffer/v1/access_service_pb.ts';
import { AbsentCredentialError } from './errors/command-error.ts';
import type { CommandContext } from './context/context.ts';
import { exitCodes } from './errors/exit-codes.ts';
import { describeFailure, type Failure } from './errors/failures.ts';
import { printable, printableJsonLine } from './output/terminal-text.ts';
import type { SharedOptions } from './settings/settings.ts';

/**
 * Reports the error that has ended a command, with `--json` as an object.
 *
 * @returns the exit code
 */
export async function reportFailure(error: unknown, context: CommandContext, options: SharedOptions): Promise<number> {
  const failure = withServer(await withScope(describeFailure(error), error, context), context);
  const { exitCode, message, code, reason } = failure;
  const { output } = context;
  if (options.json === true) output.note(printableJsonLine({ error: { exit_code: exitCode, code, reason, message } }));
  else output.note(`${output.red('coffer:')} ${printable(message)}`);
  return exitCode;
}

/** For a key that is limited to some credentials, another one is not absent: the key may not know. */
async function withScope(failure: Failure, error: unknown, { session }: CommandContext): Promise<Failure> {
  const isAbsent = error instanceof AbsentCredentialError || failure.code === 'not_found';
  if (!isAbsent || session === undefined) return failure;
  const caller = await session.coffer.access.whoAmI({}).catch(() => undefined);
  if (caller === undefined || !isScoped(caller)) return failure;
  return { ...failure, exitCode: exitCodes.denied, message: `${failure.message}, or this key may not use it` };
}

function isScoped({ grants }: WhoAmIResponse): boolean {
  return grants.some((grant) =>
    [grant.providers, grant.tags, grant.credentialIds, grant.subjects].some((limits) => limits.length > 0),
  );
}

function withServer(failure: Failure, { session }: CommandContext): Failure {
  if (failure.exitCode !== exitCodes.unavailable || session === undefined) return failure;
  return { ...failure, message: `${session.url}: ${failure.message}` };
}
