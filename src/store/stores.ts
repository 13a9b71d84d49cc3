import type { AuditChain, StreamHead } from '../vault/audit-ports.ts';
import type { AuditTrailStore } from '../vault/audit-trail.ts';
import type { CredentialChangeStore } from '../vault/credential-watch.ts';
import type { TrailLossStore } from '../vault/trail-loss.ts';
import type { MemberStore } from '../vault/member-ports.ts';
import type {
  AccessStore,
  ApiKeyStore,
  AuditStore,
  Clock,
  CredentialStore,
  GrantMac,
  IdSource,
  KeyStore,
  PurgeStore,
  UserStore,
  WorkspaceStore,
} from '../vault/ports.ts';
import type { AccountStore } from '../vault/user-ports.ts';
import { SqlAccessStore } from './grants/access-store.ts';
import { SqlAccountStore } from './grants/account-store.ts';
import { SqlApiKeyStore } from './grants/api-key-store.ts';
import { SqlAuditStore } from './trail/audit-store.ts';
import { SqlTrailLossStore } from './trail/trail-loss-store.ts';
import { SqlAuditTrailStore } from './trail/audit-trail-store.ts';
import { Commits, type CommitListeners } from './commits/commits.ts';
import { CredentialGuard } from './credentials/credential-guard.ts';
import { SqlCredentialChangeStore } from './credentials/credential-change-store.ts';
import { SqlCredentialStore } from './credentials/credential-store.ts';
import type { Database } from './connection/database.ts';
import { GrantGuard } from './grants/grant-guard.ts';
import { SqlKeyStore } from './workspaces/key-store.ts';
import { SqlMemberStore } from './grants/member-store.ts';
import { SqlPurgeStore } from './workspaces/purge-store.ts';
import type { StoreLog } from './connection/store-log.ts';
import { TrailWriter } from './trail/trail-writer.ts';
import { SqlUserStore } from './grants/user-store.ts';
import { SqlWorkspaceStore } from './workspaces/workspace-store.ts';

/** Everything that the vault keeps. */
export interface Stores {
  readonly keys: KeyStore;
  readonly credentials: CredentialStore;
  readonly access: AccessStore;
  readonly workspaces: WorkspaceStore;
  readonly purge: PurgeStore;
  readonly members: MemberStore;
  readonly apiKeys: ApiKeyStore;
  readonly users: UserStore;
  readonly accounts: AccountStore;
  readonly audit: AuditStore;
  readonly auditTrail: AuditTrailStore;
  readonly trailLosses: TrailLossStore;
  readonly changes: CredentialChangeStore;
  /** The last event that this process is known to have written; undefined before the first. */
  readonly auditHead: () => StreamHead | undefined;
}

/** What the stores work with. */
export interface StoresParts extends CommitListeners {
  readonly database: Database;
  /** Of the opened keyring, which is read by a `SqlKeyringStore` before; as the key of the chain. */
  readonly grantMac: GrantMac;
  readonly chain: AuditChain;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: StoreLog;
}

/** The stores over one database. */
export function createStores(parts: StoresParts): Stores {
  const { database, grantMac, chain, clock, ids, log } = parts;
  const guard = new GrantGuard(grantMac, log);
  const trail = new TrailWriter({ chain, clock, ids });
  const commits = new Commits({ ...parts, trail, guard: new CredentialGuard(grantMac) });
  return {
    keys: new SqlKeyStore(database, guard),
    credentials: new SqlCredentialStore({ database, commits, log }),
    access: new SqlAccessStore(database, guard),
    workspaces: new SqlWorkspaceStore(database, commits, guard),
    purge: new SqlPurgeStore(database),
    members: new SqlMemberStore(database, commits, guard),
    apiKeys: new SqlApiKeyStore(database, commits, guard),
    users: new SqlUserStore(database, commits, guard),
    accounts: new SqlAccountStore(database, commits, guard),
    audit: new SqlAuditStore(commits),
    changes: new SqlCredentialChangeStore(database),
    trailLosses: new SqlTrailLossStore({ ...parts, trail, commits }),
    auditTrail: new SqlAuditTrailStore(database, grantMac),
    auditHead: () => trail.head(),
  };
}
