import type { Dialect } from '../../gateway/contract/dialect.ts';
import type { AuditTrail } from '../../vault/audit/audit-trail.ts';
import type { ApiKeyDirectory } from '../../vault/identity/api-keys.ts';
import type { CredentialWatch } from '../../vault/credentials/credential-watch.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import type { Login } from '../../vault/identity/login.ts';
import type { MemberDirectory } from '../../vault/identity/members.ts';
import type { Clock } from '../../vault/time.ts';
import type { UserDirectory } from '../../vault/identity/users.ts';
import type { WorkspaceDirectory } from '../../vault/workspaces/workspaces.ts';
import { accessServiceRpcs } from './access-service.ts';
import { auditServiceRpcs, auditServiceStreams } from './audit-service.ts';
import { credentialServiceRpcs, eventServiceStreams } from './credential-service.ts';
import { documentation } from './documentation.ts';
import { renderProblem } from './errors.ts';
import { workspaceServiceRpcs } from './workspace-service.ts';

/** What the native API calls. */
export interface CofferParts {
  readonly vault: CredentialVault;
  readonly workspaces: WorkspaceDirectory;
  readonly members: MemberDirectory;
  readonly apiKeys: ApiKeyDirectory;
  readonly users: UserDirectory;
  readonly login: Login;
  readonly trail: AuditTrail;
  readonly watch: CredentialWatch;
  readonly clock: Clock;
}

const noStore = { 'cache-control': 'no-store' } as const;

/** The native API, `coffer.v1`: the one dialect that exposes everything that the vault offers. */
export function cofferDialect(parts: CofferParts): Dialect {
  return {
    name: 'coffer',
    rpcs: [
      ...credentialServiceRpcs(parts),
      ...workspaceServiceRpcs(parts),
      ...accessServiceRpcs(parts),
      ...auditServiceRpcs(parts.trail),
    ],
    streams: [...eventServiceStreams(parts.watch), ...auditServiceStreams(parts.trail)],
    documentation,
    rest: {
      json: { names: 'proto', unset: 'omit', int64: 'string', timestamp: 'rfc3339' },
      unknownMembers: 'refuse',
      successStatus: {},
      renderProblem,
      fieldsByHeader: { 'if-match': 'etag' },
      etagField: 'credential.etag',
      headers: { RevealSecret: noStore, CreateApiKey: noStore, Login: noStore },
    },
  };
}
