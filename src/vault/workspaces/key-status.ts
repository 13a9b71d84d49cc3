import { authorizeOwner, type Call } from '../caller.ts';
import type { KeyStore } from './ports.ts';
import { keyIdText } from './key-rotation.ts';
import type { KeyStatusStore, ListedKey, RotationProgress, WorkspaceKeyRecord } from './rotation-ports.ts';

export interface KeyStatusParts {
  readonly store: KeyStatusStore;
  readonly keyring: Pick<KeyStore, 'findKeyring'>;
  /** Where the master key comes from, such as `file`. */
  readonly source: string;
}

/** What a request for the state of the keys selects. */
export interface KeyStatusRequest {
  /** All workspaces where absent. */
  readonly workspaceId?: string | undefined;
  readonly after: ListedKey | undefined;
  readonly size: number;
}

/** The state of the keys of the instance. */
export interface KeyStatus {
  readonly masterKey: { readonly fingerprint: string; readonly source: string; readonly rotatedAt: Date | null };
  readonly keys: readonly WorkspaceKeyRecord[];
  readonly rotation: RotationProgress | undefined;
}

/** Shows the keys of the instance to its owners, without their bytes. */
export class KeyStatusDirectory {
  readonly #parts: KeyStatusParts;

  constructor(parts: KeyStatusParts) {
    this.#parts = parts;
  }

  /** Versions are counted only for one workspace. @throws VaultError `permission_denied` */
  async describe({ caller, signal }: Call, { workspaceId, ...page }: KeyStatusRequest): Promise<KeyStatus> {
    authorizeOwner(caller, 'keys.manage');
    const { keyring, source, store } = this.#parts;
    const [stored, keys, rotation, counts] = await Promise.all([
      keyring.findKeyring(),
      store.listKeys({ workspaceId, ...page, signal }),
      store.findProgress(workspaceId, signal),
      workspaceId === undefined ? undefined : store.countVersions(workspaceId, signal),
    ]);
    const counted = counts && keys.map((key) => ({ ...key, versionCount: counts.get(keyIdText(key.keyId)) ?? 0 }));
    const { masterFingerprint: fingerprint = '', rotatedAt = null } = stored ?? {};
    return { masterKey: { fingerprint, source, rotatedAt }, keys: counted ?? keys, rotation };
  }
}
