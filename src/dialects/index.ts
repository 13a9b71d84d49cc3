import type { Dialect } from '../gateway/contract/dialect.ts';
import type { AuditTrail } from '../vault/audit/audit-trail.ts';
import type { ApiKeyDirectory } from '../vault/identity/api-keys.ts';
import type { CredentialWatch } from '../vault/credentials/credential-watch.ts';
import type { CredentialVault } from '../vault/credentials/credential-vault.ts';
import type { Login } from '../vault/identity/login.ts';
import type { MemberDirectory } from '../vault/identity/members.ts';
import type { NamedLogin } from '../vault/identity/named-login.ts';
import type { Clock } from '../vault/time.ts';
import type { UserDirectory } from '../vault/identity/users.ts';
import type { WorkspaceDirectory } from '../vault/workspaces/workspaces.ts';
import { cofferDialect } from './coffer/dialect.ts';
import { fishnetDialect } from './fishnet/dialect.ts';
import { flowiseDialect } from './flowise/dialect.ts';
import { mieltoDialect } from './mielto/dialect.ts';
import { miniflowDialect } from './miniflow/dialect.ts';
import { scaleDialect } from './scale/dialect.ts';

/** What the dialects call. */
export interface DialectParts {
  readonly vault: CredentialVault;
  readonly workspaces: WorkspaceDirectory;
  readonly members: MemberDirectory;
  readonly apiKeys: ApiKeyDirectory;
  readonly users: UserDirectory;
  readonly trail: AuditTrail;
  readonly watch: CredentialWatch;
  readonly login: Login;
  readonly namedLogin: NamedLogin;
  readonly clock: Clock;
  /** The product's. */
  readonly version: string;
}

/** Every dialect by its name, the native API first. */
const makers = {
  coffer: cofferDialect,
  flowise: flowiseDialect,
  fishnet: fishnetDialect,
  mielto: mieltoDialect,
  scale: scaleDialect,
  miniflow: miniflowDialect,
} as const satisfies Record<string, (parts: DialectParts) => Dialect>;

/** The names of all dialects: what an API key may be issued for. */
export const dialectNames: readonly string[] = Object.keys(makers);

/** Makes all the dialects that the vault speaks. */
export function dialects(parts: DialectParts): Dialect[] {
  return Object.values(makers).map((make) => make(parts));
}
