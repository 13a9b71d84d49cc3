import type { Dialect } from '../../gateway/contract/dialect.ts';
import type { AuditTrail } from '../../vault/audit/audit-trail.ts';
import type { ApiKeyDirectory } from '../../vault/identity/api-keys.ts';
import type { CredentialWatch } from '../../vault/credentials/credential-watch.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import type { Login } from '../../vault/identity/login.ts';
import type { MemberDirectory } from '../../vault/identity/members.ts';
import type { NamedLogin } from '../../vault/identity/named-login.ts';
import type { Clock } from '../../vault/time.ts';
import type { UserDirectory } from '../../vault/identity/users.ts';
import type { WorkspaceDirectory } from '../../vault/workspaces/workspaces.ts';
import { accessServiceRpcs } from './access-service.ts';
import { auditServiceRpcs, auditServiceStreams } from './audit-service.ts';
import { credentialServiceRpcs } from './credential-service.ts';
import { documentation } from './documentation.ts';
import { renderProblem } from './errors.ts';
import { eventServiceStreams } from './event-service.ts';
import { loginRpcs } from './login.ts';
import { memberRpcs } from './members.ts';
import { secretServiceRpcs } from './secret-service.ts';
import { userRpcs } from './users.ts';
import { workspaceServiceRpcs } from './workspace-service.ts';

/** What the native API calls. */
export interface CofferParts {
  readonly vault: CredentialVault;
  readonly workspaces: WorkspaceDirectory;
  readonly members: MemberDirectory;
  readonly apiKeys: ApiKeyDirectory;
  readonly users: UserDirectory;
  /** Ends sessions, whichever way they began. */
  readonly login: Login;
  readonly namedLogin: NamedLogin;
  readonly trail: AuditTrail;
  readonly watch: CredentialWatch;
  /** Tells whether a credential has expired. */
  readonly clock: Clock;
}

const uncached = { 'cache-control': 'no-store' } as const;

/** The native API, `coffer.v1`: the one dialect that says all that the vault knows. */
export function cofferDialect(parts: CofferParts): Dialect {
  const { vault, workspaces, members, apiKeys, users, trail, watch, clock } = parts;
  return {
    name: 'coffer',
    rpcs: [
      ...credentialServiceRpcs({ vault, clock }),
      ...secretServiceRpcs(vault),
      ...workspaceServiceRpcs(workspaces),
      ...memberRpcs(members),
      ...accessServiceRpcs(apiKeys),
      ...loginRpcs(parts),
      ...userRpcs(users),
      ...auditServiceRpcs(trail),
    ],
    streams: [...eventServiceStreams(watch), ...auditServiceStreams(trail)],
    documentation,
    rest: {
      json: { names: 'proto', unset: 'omit', int64: 'string', timestamp: 'rfc3339' },
      unknownMembers: 'refuse',
      successStatus: {},
      renderProblem,
      fieldsByHeader: { 'if-match': 'etag' },
      etagField: 'credential.etag',
      headers: { RevealSecret: uncached, CreateApiKey: uncached, Login: uncached },
    },
  };
}
