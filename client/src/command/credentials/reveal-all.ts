import { CommandError } from '../errors/command-error.ts';
import type { Session } from '../context/context.ts';
import { exitCodeOf } from '../errors/failures.ts';
import { printable } from '../output/terminal-text.ts';
import type { Progress } from '../output/progress.ts';
import type { NamedSecret } from '../variables/variables.ts';

/** The most that a batch takes. */
const batchMax = 1_000;

/** A credential whose secret is revealed: by id, or by a name that only it has. */
export interface SecretTarget {
  readonly name: string;
  readonly credentialId?: string;
}

/**
 * Reveals secrets by as few calls as possible: by one, unless there are over 1,000 or their secrets have over 4 MiB.
 *
 * @throws CommandError if one of them cannot be revealed, with the exit code of that
 */
export async function revealAll(
  session: Session,
  targets: readonly SecretTarget[],
  progress?: Progress,
): Promise<readonly NamedSecret[]> {
  const revealed: NamedSecret[] = [];
  while (revealed.length < targets.length) {
    const batch = targets.slice(revealed.length, revealed.length + batchMax);
    revealed.push(...(await revealBatch(session, batch)));
    progress?.show(`${revealed.length} of ${targets.length} secrets`);
  }
  return revealed;
}

/** Reveals the first secrets of a batch, as many as fit into a response. */
async function revealBatch(
  { coffer, workspaceId }: Session,
  targets: readonly SecretTarget[],
): Promise<readonly NamedSecret[]> {
  const requests = targets.map(({ name, credentialId }) => (credentialId === undefined ? { name } : { credentialId }));
  const { results } = await coffer.secrets.batchRevealSecrets({ workspaceId, requests });
  const revealed: NamedSecret[] = [];
  for (const [index, { secret, error }] of results.entries()) {
    const name = targets[index]?.name ?? '';
    if (error?.reason === 'ANSWER_TOO_LARGE' && index > 0) break;
    if (error !== undefined)
      throw new CommandError(exitCodeOf(error.code, error.reason), `${printable(name)}: ${printable(error.message)}`);
    revealed.push({ name, secret: secret ?? {} });
  }
  return revealed;
}
