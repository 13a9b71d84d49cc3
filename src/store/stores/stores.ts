import type {
  InstanceStore,
  KeyShareStore,
  KeyStore,
  MasterRotationStore,
  PurgeStore,
  SealStore,
  WorkspaceStore,
} from '../../vault/workspaces/ports.ts';
import type { AuditChain, AuditTrailStore, TrailLossStore, AuditStore } from '../../vault/audit/ports.ts';
import type { StreamHead } from '../../vault/audit/audit-chain.ts';
import type { CredentialChangeStore } from '../../vault/credentials/change-events.ts';
import type { MemberStore, AccessStore, ApiKeyStore, GrantMac, UserStore } from '../../vault/identity/ports.ts';
import type { RequestStore } from '../../vault/requests/ports.ts';
import type { Clock } from '../../vault/time.ts';
import type { CredentialPurgeStore, ExpiryNoticeStore, VersionPruneStore } from '../../vault/credentials/due-ports.ts';
import type { CredentialStore, LeakStore } from '../../vault/credentials/ports.ts';
import type { IdSource } from '../../vault/ids.ts';
import { SqlAccessStore } from './access-store.ts';
import { SqlApiKeyStore } from './api-key-store.ts';
import { SqlAuditStore, SqlAuditTrailStore } from './audit-trail-store.ts';
import { SqlTrailLossStore } from './trail-loss-store.ts';
import { CommitQueue, type CommitListeners } from '../commits/commit-queue.ts';
import { CredentialGuard } from '../credentials/credential-guard.ts';
import { SqlCredentialChangeStore } from './credential-change-store.ts';
import { SqlCredentialStore } from './credential-store.ts';
import { SqlDueCredentialStore } from './due-credential-store.ts';
import { DueRows } from '../commits/due-rows.ts';
import type { Database } from '../postgres/database.ts';
import { GrantGuard } from '../identity/grant-guard.ts';
import { SqlKeyStore } from './key-store.ts';
import { SqlMasterRotationStore } from './master-rotation-store.ts';
import { SqlLeakStore } from './leak-store.ts';
import { SqlMemberStore } from './member-store.ts';
import { SqlPurgeStore } from './purge-store.ts';
import type { StoreLog } from '../postgres/connect/store-log.ts';
import { SqlSealStore } from './seal-store.ts';
import { RequestRecords } from '../requests/request-records.ts';
import { SqlRequestStore } from './request-store.ts';
import { TrailWriter } from '../trail/trail-writer.ts';
import { SqlUserStore } from './user-store.ts';
import { SqlWorkspaceStore } from './workspace-store.ts';

/** The stores of the vault. */
export interface Stores {
  readonly keys: KeyStore;
  readonly masterRotation: MasterRotationStore;
  readonly seal: SealStore & KeyShareStore;
  readonly credentials: CredentialStore;
  readonly access: AccessStore;
  readonly workspaces: WorkspaceStore;
  readonly purge: PurgeStore;
  readonly dueCredentials: CredentialPurgeStore & ExpiryNoticeStore & VersionPruneStore;
  readonly members: MemberStore;
  readonly apiKeys: ApiKeyStore;
  readonly users: UserStore & InstanceStore;
  readonly audit: AuditStore;
  readonly auditTrail: AuditTrailStore;
  readonly trailLosses: TrailLossStore;
  readonly leaks: LeakStore;
  readonly changes: CredentialChangeStore;
  readonly requests: RequestStore;
  /** The last durable event of this process; undefined before the first. */
  readonly auditHead: () => StreamHead | undefined;
}

/** The dependencies of the stores. */
export interface StoresParts extends CommitListeners {
  readonly database: Database;
  /** Of the opened keyring, which is read by a `SqlKeyringStore` before; as the key of the chain. */
  readonly grantMac: GrantMac;
  readonly chain: AuditChain;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: StoreLog;
}

/** Constructs the stores of one database. */
export function createStores(parts: StoresParts): Stores {
  const { database, grantMac, chain, clock, ids, log } = parts;
  const guard = new GrantGuard(grantMac, log);
  const credentialGuard = new CredentialGuard(grantMac);
  const trail = new TrailWriter({ chain, clock, ids });
  const records = new RequestRecords(grantMac);
  const commits = new CommitQueue({ ...parts, trail, guard: credentialGuard, records });
  const dueRows = new DueRows(database, commits);
  return {
    keys: new SqlKeyStore(database, guard),
    credentials: new SqlCredentialStore({ database, commits, guard: credentialGuard, log }),
    masterRotation: new SqlMasterRotationStore(commits, guard),
    seal: new SqlSealStore(database, commits, guard),
    access: new SqlAccessStore(database, guard),
    workspaces: new SqlWorkspaceStore(database, commits, guard),
    purge: new SqlPurgeStore(database),
    dueCredentials: new SqlDueCredentialStore({ commits, guard: credentialGuard, dueRows }),
    members: new SqlMemberStore(database, commits, guard),
    apiKeys: new SqlApiKeyStore(database, commits, guard),
    users: new SqlUserStore(database, commits, guard),
    audit: new SqlAuditStore(commits),
    leaks: new SqlLeakStore(database, credentialGuard),
    changes: new SqlCredentialChangeStore(database, grantMac),
    requests: new SqlRequestStore(database, grantMac),
    trailLosses: new SqlTrailLossStore({ ...parts, trail, commits }),
    auditTrail: new SqlAuditTrailStore(database, grantMac),
    auditHead: () => trail.head(),
  };
}
