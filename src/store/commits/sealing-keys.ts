import type { FoundCredential } from '../../vault/credentials/decision-ports.ts';
import { VaultError } from '../../vault/errors.ts';
import type { WorkspaceCipherSource } from '../../vault/workspaces/ports.ts';
import type { FoundForDecisions } from '../credentials/credential-finding.ts';
import { constraintOf } from '../postgres/connect/database-failure.ts';

/** What commits need of the keys of workspaces, which another process may have replaced. */
export type SealingKeys = Pick<WorkspaceCipherSource, 'knows' | 'refresh'>;

/** For a repetition, after the keys were read again, and where nothing is opened or sealed. */
export const everyKeyIsKnown: SealingKeys = { knows: () => true, refresh: async () => undefined };

/** Another process has replaced a key: the transaction has to be repeated with the present keys. */
export class StaleKeysError extends Error {
  constructor() {
    super('the keys of a workspace were replaced');
    this.name = 'StaleKeysError';
  }
}

/**
 * Rejects what this process cannot open because it does not have the key yet.
 *
 * @param targets of the decisions, by whose indexes versions were found
 * @throws StaleKeysError
 */
export function requireKnownKeys(
  keys: SealingKeys,
  targets: readonly { readonly workspaceId: string }[],
  { byId, byIndex, byMatch, versions }: FoundForDecisions,
): void {
  for (const found of byId.values()) requireKnown(keys, found);
  for (const found of byIndex.values()) requireKnown(keys, found);
  for (const { found } of byMatch.values()) if (found) requireKnown(keys, found);
  for (const [index, named] of versions) {
    const { workspaceId } = targets[index] ?? {};
    for (const { sealed } of named.values()) {
      if (workspaceId !== undefined && sealed && !keys.knows(workspaceId, sealed)) {
        throw new StaleKeysError();
      }
    }
  }
}

function requireKnown(keys: SealingKeys, { credential: { workspaceId }, current }: FoundCredential): void {
  if (current && !keys.knows(workspaceId, current.sealed)) throw new StaleKeysError();
}

/** The constraint by which versions refer to the keys that sealed them. */
export const versionKeyConstraint = 'credential_version_key_foreign';

/**
 * Reads the keys of the transaction's workspaces again if they were the reason why it failed.
 *
 * @returns whether it may succeed now
 */
export async function refreshAfter(
  error: unknown,
  keys: SealingKeys,
  workspaces: readonly string[] = [],
): Promise<boolean> {
  if (!(error instanceof StaleKeysError) && constraintOf(error) !== versionKeyConstraint) return false;
  for (const id of workspaces) await refreshUnlessUnreadable(keys, id);
  return true;
}

/** The decisions that need the keys fail by themselves, and the others do not. */
async function refreshUnlessUnreadable(keys: SealingKeys, workspaceId: string): Promise<void> {
  try {
    await keys.refresh(workspaceId);
  } catch (failure) {
    if (!(failure instanceof VaultError)) throw failure;
  }
}
