import type { MemberStore } from '../vault/member-ports.ts';
import type {
  AccessStore,
  ApiKeyStore,
  AuditStore,
  CredentialStore,
  GrantMac,
  KeyStore,
  UserStore,
  WorkspaceStore,
} from '../vault/ports.ts';
import { SqlAccessStore } from './access-store.ts';
import { SqlApiKeyStore } from './api-key-store.ts';
import { SqlAuditStore } from './audit-store.ts';
import { SqlCredentialStore } from './credential-store.ts';
import type { Database } from './database.ts';
import { GrantGuard } from './grant-guard.ts';
import { SqlKeyStore } from './key-store.ts';
import { SqlMemberStore } from './member-store.ts';
import type { StoreLog } from './store-log.ts';
import { SqlUserStore } from './user-store.ts';
import { SqlWorkspaceStore } from './workspace-store.ts';

/** Everything that the vault keeps. */
export interface Stores {
  readonly keys: KeyStore;
  readonly credentials: CredentialStore;
  readonly access: AccessStore;
  readonly workspaces: WorkspaceStore;
  readonly members: MemberStore;
  readonly apiKeys: ApiKeyStore;
  readonly users: UserStore;
  readonly audit: AuditStore;
}

/**
 * The stores over one database.
 *
 * @param grantMac of the opened keyring, which is read by a `SqlKeyringStore` before
 */
export function createStores(database: Database, grantMac: GrantMac, log: StoreLog): Stores {
  const guard = new GrantGuard(grantMac, log);
  return {
    keys: new SqlKeyStore(database, guard),
    credentials: new SqlCredentialStore(database),
    access: new SqlAccessStore(database, guard),
    workspaces: new SqlWorkspaceStore(database, guard),
    members: new SqlMemberStore(database, guard),
    apiKeys: new SqlApiKeyStore(database, guard),
    users: new SqlUserStore(database, guard),
    audit: new SqlAuditStore(database),
  };
}
