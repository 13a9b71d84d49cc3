import type { Coffer } from '../../coffer.ts';

/** How an import reaches the vault: by the typed clients, and by the REST paths of its dialects. */
export interface VaultAccess {
  readonly coffer: Coffer;
  /** An id of the workspace, or `default`. */
  readonly workspaceId: string;
  /** Without a slash at the end. */
  readonly url: string;
  readonly token: string | undefined;
}

/** The workspace that an import stores into. */
export interface TargetWorkspace {
  readonly id: string;
  /** `WSP-…`. */
  readonly shortId: string;
  readonly name: string;
  /** Whether it is the caller's default workspace, the only one that the dialects of Flowise and Fishnet reach. */
  readonly isDefault: boolean;
}

/** Looks the workspace of the settings up. */
export async function findWorkspace({ coffer, workspaceId }: VaultAccess): Promise<TargetWorkspace> {
  const { defaultWorkspaceId } = await coffer.access.whoAmI({});
  const { workspace } = await coffer.workspaces.getWorkspace({ workspaceId });
  const { id = '', shortId = '', name = '' } = workspace ?? {};
  return { id, shortId, name, isDefault: id === defaultWorkspaceId };
}
