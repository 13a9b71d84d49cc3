import { auditEvent, type AuditAction, type AuditEvent, type EventSource } from '../audit/audit-event.ts';
import { authorize, authorizeOwner, checkGranting, requireGrant, type Call, type Caller } from '../caller.ts';
import { invalidArgument, notFound, VaultError } from '../errors.ts';
import { parseId } from '../ids.ts';
import { checkKeyScope, isScoped, type KeyScope } from '../key-scope.ts';
import { checkPageSize, type PageRange } from '../page.ts';
import type { Role } from '../permissions.ts';
import { keepingOf, type MutationCall } from '../requests/mutation-call.ts';
import { checkName } from '../text-rules.ts';
import { parseCertificateName, type ApiKey, type UsedApiKey, type User } from './identity.ts';
import type { ApiKeyStore, CertificateSource, TokenSource } from './ports.ts';

/** What the issuer of an API key chooses. */
export interface ApiKeyDraft extends KeyScope {
  readonly name: string;
  readonly role: Role;
  /** False for a key that may not reveal secrets, whatever its role. */
  readonly mayReveal: boolean;
  /** The dialect that answers this key on paths that several dialects share; with null, each request decides. */
  readonly dialect: string | null;
  readonly expiresAt: Date | null;
  /** The name in the client certificate that authenticates as the key, see `parseCertificateName`; with null, a token is made. */
  readonly certificateSan: string | null;
}

/** A new key and its token; the token is null for a key that a certificate authenticates. */
export interface IssuedApiKey {
  readonly apiKey: UsedApiKey;
  readonly token: string | null;
}

export interface ApiKeyDirectoryParts extends EventSource {
  readonly store: ApiKeyStore;
  readonly tokens: TokenSource & CertificateSource;
  /** The names of the dialects that a key may be issued for. */
  readonly dialects: readonly string[];
}

/** Issues, shows and revokes the API keys of a workspace, for its admins. */
export class ApiKeyDirectory {
  readonly #parts: ApiKeyDirectoryParts;

  constructor(parts: ApiKeyDirectoryParts) {
    this.#parts = parts;
  }

  /**
   * Issues a key. The response is the only place where its token appears; the store keeps its hash. At most one valid key of
   * the instance has a certificate's name, and only owners assign these names, because the certificate authority is outside of
   * the workspace.
   *
   * @throws VaultError `invalid_argument`, `permission_denied` for a key that exceeds its issuer's grant or outlives it, or
   *   `name_taken` if another key has the certificate's name
   */
  async createApiKey(
    call: MutationCall<IssuedApiKey>,
    { certificateSan, ...draft }: ApiKeyDraft,
  ): Promise<IssuedApiKey> {
    const grant = requireGrant(call.caller, call.workspaceId, 'api_keys.manage');
    if (certificateSan !== null) authorizeOwner(call.caller, 'api_keys.manage');
    checkLifetime(draft.expiresAt, call.caller);
    this.#checkDraft(draft);
    checkGranting(grant, draft, 'a key');
    const { clock, ids, store, tokens } = this.#parts;
    const { token, hash, prefix } =
      certificateSan === null ? tokens.newApiKeyToken() : tokens.ofCertificate(readCertificateName(certificateSan));
    const keyScope = checkKeyScope(draft);
    if (isScoped(keyScope) && draft.role === 'ADMIN') {
      throw invalidArgument('role', 'must be at most EDITOR for a key with a scope');
    }
    const { userId } = call.caller;
    const id = ids.next();
    const createdAt = clock.now();
    const identity = { id, workspaceId: call.workspaceId, userId, hash, prefix };
    const apiKey = { ...draft, ...keyScope, ...identity, revokedAt: null, createdAt };
    const issued = { apiKey: { ...apiKey, lastUsedAt: null }, token };
    const user = userOfTokenIssuer(call.caller, createdAt);
    const keeping = keepingOf<IssuedApiKey, ApiKey>(call, () => issued);
    await store.createApiKey(apiKey, this.#event(call, 'api_keys.create', id), user, keeping);
    return issued;
  }

  /** The workspace's keys in the order of creation, including revoked ones, without tokens and without others' personal keys. */
  async listApiKeys(call: Call, page: PageRange): Promise<readonly UsedApiKey[]> {
    authorize(call, 'api_keys.manage');
    checkPageSize(page.size);
    const { caller, workspaceId, signal } = call;
    const shows = (apiKey: ApiKey) => isAccessible(caller, apiKey);
    return this.#parts.store.listApiKeys({ ...page, workspaceId, shows, signal });
  }

  /**
   * Revokes a key at once. A second revocation changes nothing.
   *
   * @throws VaultError `not_found`, also for the personal key of another user
   */
  async revokeApiKey(call: MutationCall<UsedApiKey>, text: string): Promise<UsedApiKey> {
    authorize(call, 'api_keys.manage');
    const found = await this.#find(call, text);
    const { id } = found;
    const event = this.#event(call, 'api_keys.revoke', id);
    const revokedAt = this.#parts.clock.now();
    const revoked = { ...found, revokedAt: found.revokedAt ?? revokedAt };
    const keeping = keepingOf(call, (isDone: boolean) => (isDone ? revoked : undefined));
    const revocation = { workspaceId: call.workspaceId, id, revokedAt, event };
    if (!(await this.#parts.store.revokeApiKey(revocation, keeping))) throw notFound('api_key', id);
    return this.#find(call, id);
  }

  /** Whether a key is accessible never changes, so it need not be checked again in the transaction that revokes the key. */
  async #find({ caller, workspaceId, signal }: Call, text: string): Promise<UsedApiKey> {
    const id = parseId(text);
    const apiKey = id === undefined ? undefined : await this.#parts.store.findApiKeyById(workspaceId, id, signal);
    if (!apiKey || !isAccessible(caller, apiKey)) throw notFound('api_key', id ?? text);
    return apiKey;
  }

  #checkDraft({ name, dialect }: Pick<ApiKeyDraft, 'name' | 'dialect'>): void {
    checkName('name', name);
    if (dialect !== null && !this.#parts.dialects.includes(dialect)) {
      throw invalidArgument('dialect', `must be one of ${this.#parts.dialects.join(', ')}`);
    }
  }

  #event(call: Call, action: AuditAction, resourceId: string): AuditEvent {
    return auditEvent(this.#parts, call, { action, resourceKind: 'api_key', resourceId });
  }
}

/** If an expiring key could issue a longer-lived one, its expiry would have no effect. */
function checkLifetime(expiresAt: Date | null, issuer: Caller): void {
  if (issuer.expiresAt === null || (expiresAt !== null && expiresAt <= issuer.expiresAt)) return;
  throw new VaultError('permission_denied', 'a key cannot outlive the key of its issuer', { field: 'expires_at' });
}

function readCertificateName(text: string): string {
  const name = parseCertificateName(text);
  if (name === undefined) throw invalidArgument('certificate_san', 'must be URI: or DNS: and a name without wildcards');
  return name;
}

/** A user of a token issuer gets a row only when a key refers to it. */
function userOfTokenIssuer(caller: Caller, createdAt: Date): User | undefined {
  if (caller.authentication !== 'oidc') return undefined;
  const { userId: id, name, defaultWorkspaceId } = caller;
  return { id, name, isOwner: false, defaultWorkspaceId, passwordHash: null, deactivatedAt: null, createdAt };
}

/**
 * A personal key is accessible to its user and to owners, not to the admins of its default workspace. A key that the user issued
 * acts for the user but is not the user.
 */
function isAccessible(caller: Caller, apiKey: ApiKey): boolean {
  if (apiKey.role !== null || caller.isOwner) return true;
  return caller.kind === 'user' && caller.userId === apiKey.userId;
}
