import { auditEvent, type AuditAction, type AuditEvent } from '../audit/audit-event.ts';
import { authorize, authorizeOwner, checkGranting, type Call, type Caller, type Grant } from '../caller.ts';
import { parseCertificateName, type ApiKey, type UsedApiKey, type User } from './identity.ts';
import { invalidArgument, notFound, VaultError } from '../errors.ts';
import { parseId, type IdSource } from '../ids.ts';
import { limits } from '../limits.ts';
import { checkKeyScope, isScoped, type KeyScope } from '../key-scope.ts';
import type { Role } from '../permissions.ts';
import type { ApiKeyStore, CertificateSource, TokenSource } from './ports.ts';
import type { Clock } from '../time.ts';

/** What the issuer of an API key chooses. */
export interface ApiKeyDraft extends KeyScope {
  readonly name: string;
  readonly role: Role;
  /** False issues a key that may not reveal secrets, whatever its role. */
  readonly mayReveal: boolean;
  /** The dialect that answers this key on paths that several share; null leaves it to the request. */
  readonly dialect: string | null;
  readonly expiresAt: Date | null;
  /** The name in the client certificate that proves the key, as `parseCertificateName` reads it; null has a token made. */
  readonly certificateSan: string | null;
}

/** A fresh key, and its token; null where a certificate proves it. */
export interface IssuedApiKey {
  readonly apiKey: UsedApiKey;
  readonly token: string | null;
}

/** What the directory works with. */
export interface ApiKeyDirectoryParts {
  readonly store: ApiKeyStore;
  readonly tokens: TokenSource & CertificateSource;
  readonly clock: Clock;
  readonly ids: IdSource;
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
   * Issues a key. Its token is answered this once, and only its hash is kept. A certificate's name belongs to one living key
   * of the instance, and is for owners to give away: which names there are is the business of whoever issues certificates.
   *
   * @throws VaultError `invalid_argument`, `permission_denied` where it would be granted more than its issuer has or outlive it, or
   *   `name_taken` where another key has the certificate's name
   */
  async createApiKey(call: Call, { certificateSan, ...draft }: ApiKeyDraft): Promise<IssuedApiKey> {
    const grant = this.#authorize(call);
    if (certificateSan !== null) authorizeOwner(call.caller, 'api_keys.manage');
    checkLifetime(draft.expiresAt, call.caller);
    this.#check(draft, grant);
    const { clock, ids, store, tokens } = this.#parts;
    const { token, hash, prefix } =
      certificateSan === null ? tokens.newApiKeyToken() : tokens.ofCertificate(readCertificateName(certificateSan));
    const keyScope = checkKeyScope(draft);
    if (isScoped(keyScope) && draft.role === 'ADMIN') {
      throw invalidArgument('role', 'must be at most EDITOR of a key that is for some credentials alone');
    }
    const { userId } = call.caller;
    const id = ids.next();
    const createdAt = clock.now();
    const identity = { id, workspaceId: call.workspaceId, userId, hash, prefix };
    const apiKey = { ...draft, ...keyScope, ...identity, revokedAt: null, createdAt };
    const event = this.#event(call, 'api_keys.create', id);
    await store.createApiKey(apiKey, event, unknownUserOf(call.caller, createdAt));
    return { apiKey: { ...apiKey, lastUsedAt: null }, token };
  }

  /** The workspace's keys in the order of creation, revoked ones too, without their tokens; others' personal ones are left out. */
  async listApiKeys(
    call: Call,
    page: { readonly after?: string; readonly size: number },
  ): Promise<readonly UsedApiKey[]> {
    this.#authorize(call);
    if (!(page.size >= 1 && page.size <= limits.pageSize)) throw invalidArgument('page_size', 'is out of range');
    const { caller, workspaceId, signal } = call;
    const shows = (apiKey: ApiKey) => isOpenTo(caller, apiKey);
    return this.#parts.store.listApiKeys({ ...page, workspaceId, shows, signal });
  }

  /**
   * Ends a key at once. Revoking it again changes nothing.
   *
   * @throws VaultError `not_found`, also for the personal key of somebody else
   */
  async revokeApiKey(call: Call, text: string): Promise<UsedApiKey> {
    this.#authorize(call);
    const { id } = await this.#find(call, text);
    const event = this.#event(call, 'api_keys.revoke', id);
    const revocation = { workspaceId: call.workspaceId, id, revokedAt: this.#parts.clock.now(), event };
    if (!(await this.#parts.store.revokeApiKey(revocation))) throw notFound('api_key', id);
    return this.#find(call, id);
  }

  /** What decides whether a key may be seen never changes, so that it need not be asked again where the key is changed. */
  async #find({ caller, workspaceId, signal }: Call, text: string): Promise<UsedApiKey> {
    const id = parseId(text);
    const apiKey = id === undefined ? undefined : await this.#parts.store.findApiKeyById(workspaceId, id, signal);
    if (!apiKey || !isOpenTo(caller, apiKey)) throw notFound('api_key', id ?? text);
    return apiKey;
  }

  #authorize(call: Call): Grant {
    return authorize(call.caller, call.workspaceId, 'api_keys.manage');
  }

  #check(draft: Omit<ApiKeyDraft, 'certificateSan'>, issuer: Grant): void {
    if (draft.name.trim() === '') throw invalidArgument('name', 'must not be empty');
    if (Array.from(draft.name).length > limits.nameCharacters) {
      throw invalidArgument('name', `must be at most ${limits.nameCharacters} characters`);
    }
    if (draft.name.includes('\0')) throw invalidArgument('name', 'must not contain U+0000');
    if (draft.dialect !== null && !this.#parts.dialects.includes(draft.dialect)) {
      throw invalidArgument('dialect', `must be one of ${this.#parts.dialects.join(', ')}`);
    }
    checkGranting(issuer, draft, 'a key');
  }

  #event(call: Call, action: AuditAction, id: string): AuditEvent {
    const { clock, ids } = this.#parts;
    const resource = { resourceKind: 'api_key', resourceId: id };
    return auditEvent(call, { id: ids.next(), time: clock.now(), action, outcome: 'OK', ...resource });
  }
}

/** A key that could issue one which lasts longer would have no end. */
function checkLifetime(expiresAt: Date | null, issuer: Caller): void {
  if (issuer.expiresAt === null || (expiresAt !== null && expiresAt <= issuer.expiresAt)) return;
  throw new VaultError('permission_denied', 'a key can not outlive the key of its issuer', { field: 'expires_at' });
}

function readCertificateName(text: string): string {
  const name = parseCertificateName(text);
  if (name === undefined) throw invalidArgument('certificate_san', 'must be URI: or DNS: and a name without wildcards');
  return name;
}

/** Whom an issuer of tokens vouches for is no user here until something must refer to him. */
function unknownUserOf(caller: Caller, createdAt: Date): User | undefined {
  if (caller.authentication !== 'oidc') return undefined;
  const { userId: id, name, defaultWorkspaceId } = caller;
  return { id, name, isOwner: false, defaultWorkspaceId, passwordHash: null, deactivatedAt: null, createdAt };
}

/**
 * A personal key is the business of its user and of owners; the admin of the workspace where its calls go by default neither
 * sees nor ends it. Keys that its user issued act in his name, but are not he.
 */
function isOpenTo(caller: Caller, apiKey: ApiKey): boolean {
  if (apiKey.role !== null || caller.isOwner) return true;
  return caller.kind === 'user' && caller.userId === apiKey.userId;
}
