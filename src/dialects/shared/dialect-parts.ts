import type { AuditTrail } from '../../vault/audit/audit-trail.ts';
import type { CredentialSearch } from '../../vault/credentials/credential-search.ts';
import type { BatchRevealVault } from '../../vault/credentials/batch-reveal-vault.ts';
import type { BatchVault } from '../../vault/credentials/batch-vault.ts';
import type { LeakVault } from '../../vault/credentials/leak-vault.ts';
import type { TransferVault } from '../../vault/credentials/transfer-vault.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import type { PreviewVault } from '../../vault/credentials/preview-vault.ts';
import type { SecretResolver } from '../../vault/credentials/resolve-vault.ts';
import type { CredentialWatch } from '../../vault/credentials/credential-watch.ts';
import type { DeletionVault } from '../../vault/credentials/deletion-vault.ts';
import type { VersionVault } from '../../vault/credentials/version-vault.ts';
import type { ApiKeyDirectory } from '../../vault/identity/api-keys.ts';
import type { Login } from '../../vault/identity/login.ts';
import type { MemberDirectory } from '../../vault/identity/members.ts';
import type { UserDirectory } from '../../vault/identity/users.ts';
import type { Clock } from '../../vault/time.ts';
import type { KeyAdministration } from '../../vault/workspaces/key-administration.ts';
import type { Unsealing } from '../../vault/workspaces/unsealing.ts';
import type { WorkspaceDirectory } from '../../vault/workspaces/workspaces.ts';

/** What the dialects call. */
export interface DialectParts {
  readonly vault: CredentialVault;
  readonly resolver: SecretResolver;
  readonly previews: PreviewVault;
  readonly deletions: DeletionVault;
  readonly search: CredentialSearch;
  readonly batches: BatchVault;
  readonly batchReveals: BatchRevealVault;
  readonly versions: VersionVault;
  readonly transfers: TransferVault;
  readonly leaks: LeakVault;
  readonly workspaces: WorkspaceDirectory;
  readonly keys: KeyAdministration;
  readonly unsealing: Unsealing;
  readonly members: MemberDirectory;
  readonly apiKeys: ApiKeyDirectory;
  readonly users: UserDirectory;
  readonly login: Login;
  readonly trail: AuditTrail;
  readonly watch: CredentialWatch;
  readonly clock: Clock;
  /** The version of the product. */
  readonly version: string;
}
