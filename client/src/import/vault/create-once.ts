import { createHash, randomUUID } from 'node:crypto';
import { InvalidArgumentError, NotFoundError } from '../../errors/errors.ts';
import type { OpenedEntry } from '../reading/source-entry.ts';
import { RefusedCallError } from './dialect-calls.ts';
import type { TargetWorkspace, VaultAccess } from './vault-access.ts';

/** What a create has returned. */
export interface CreateResult {
  readonly id: string;
  /** Whether an earlier request under the same request id has made it. */
  readonly isReplayed: boolean;
}

/** Where an entry is created. */
export interface CreateScope extends VaultAccess {
  readonly workspace: TargetWorkspace;
  readonly source: string;
}

/**
 * Creates the credential of an entry under a request id that follows from the entry: two imports at the same time store it
 * once. A vault keeps the result of a request id for a day, so a credential that was deleted meanwhile is created under another.
 *
 * @param create sends the request, and returns the id in the vault
 */
export async function createOnce(
  scope: CreateScope,
  entry: OpenedEntry,
  create: (requestId: string) => Promise<CreateResult>,
): Promise<string> {
  const result = await createUnlessReused(create, requestIdOf(scope, entry));
  if (result && (!result.isReplayed || (await exists(scope, result.id)))) return result.id;
  return (await create(randomUUID())).id;
}

/** Undefined where the vault refuses: the request id may belong to another state of the entry. */
async function createUnlessReused(
  create: (requestId: string) => Promise<CreateResult>,
  requestId: string,
): Promise<CreateResult | undefined> {
  try {
    return await create(requestId);
  } catch (error) {
    if (error instanceof RefusedCallError || error instanceof InvalidArgumentError) return undefined;
    throw error;
  }
}

async function exists({ coffer, workspace }: CreateScope, credentialId: string): Promise<boolean> {
  try {
    await coffer.credentials.getCredential({ workspaceId: workspace.id, credentialId });
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

/** A UUID of version 8, made from what identifies the entry. It does not depend on its secret. */
function requestIdOf({ workspace, source }: CreateScope, { originalId, name }: OpenedEntry): string {
  const text = JSON.stringify(['coffer import', workspace.id, source, originalId, name]);
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
