import { auditEvent, type AuditAction, type AuditEvent } from './audit-event.ts';
import { authorize, type Call, type Grant } from './caller.ts';
import { invalidArgument, notFound, VaultError } from './errors.ts';
import { parseId } from './ids.ts';
import { limits } from './limits.ts';
import { includesRole, type Role } from './permissions.ts';
import type { ApiKey, ApiKeyStore, Clock, IdSource, TokenSource } from './ports.ts';

/** What the issuer of an API key chooses. */
export interface ApiKeyDraft {
  readonly name: string;
  readonly role: Role;
  /** False issues a key that may not reveal secrets, whatever its role. */
  readonly mayReveal: boolean;
  /** The dialect that answers this key on paths that several share; null leaves it to the request. */
  readonly dialect: string | null;
  readonly expiresAt: Date | null;
}

/** What the directory works with. */
export interface ApiKeyDirectoryParts {
  readonly store: ApiKeyStore;
  readonly tokens: TokenSource;
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
   * Issues a key. Its token is answered this once, and only its hash is kept.
   *
   * @throws VaultError `invalid_argument`, or `permission_denied` where it would be granted more than its issuer has
   */
  async createApiKey(call: Call, draft: ApiKeyDraft): Promise<{ readonly apiKey: ApiKey; readonly token: string }> {
    const grant = this.#authorize(call);
    this.#check(draft, grant);
    const { token, hash, prefix } = this.#parts.tokens.newApiKeyToken();
    const apiKey = {
      ...draft,
      id: this.#parts.ids.next(),
      workspaceId: call.workspaceId,
      userId: call.caller.userId,
      hash,
      prefix,
      revokedAt: null,
      createdAt: this.#parts.clock.now(),
    };
    await this.#parts.store.createApiKey(apiKey, this.#event(call, 'api_keys.create', apiKey.id));
    return { apiKey, token };
  }

  /** The workspace's keys in the order of creation, revoked ones too, without their tokens. */
  async listApiKeys(call: Call, page: { readonly after?: string; readonly size: number }): Promise<readonly ApiKey[]> {
    this.#authorize(call);
    if (!(page.size >= 1 && page.size <= limits.pageSize)) throw invalidArgument('page_size', 'is out of range');
    return this.#parts.store.listApiKeys({ ...page, workspaceId: call.workspaceId, signal: call.signal });
  }

  /** Ends a key at once. Revoking it again changes nothing. */
  async revokeApiKey(call: Call, text: string): Promise<ApiKey> {
    this.#authorize(call);
    const id = parseId(text);
    if (id === undefined) throw notFound('api_key', text);
    const event = this.#event(call, 'api_keys.revoke', id);
    const revocation = { workspaceId: call.workspaceId, id, revokedAt: this.#parts.clock.now(), event };
    const wasFound = await this.#parts.store.revokeApiKey(revocation);
    const apiKey = wasFound ? await this.#parts.store.findApiKeyById(call.workspaceId, id, call.signal) : undefined;
    if (!apiKey) throw notFound('api_key', id);
    return apiKey;
  }

  #authorize(call: Call): Grant {
    return authorize(call.caller, call.workspaceId, 'api_keys.manage');
  }

  #check(draft: ApiKeyDraft, issuer: Grant): void {
    if (draft.name.trim() === '') throw invalidArgument('name', 'must not be empty');
    if (Array.from(draft.name).length > limits.nameCharacters) {
      throw invalidArgument('name', `must be at most ${limits.nameCharacters} characters`);
    }
    if (draft.name.includes('\0')) throw invalidArgument('name', 'must not contain U+0000');
    if (draft.dialect !== null && !this.#parts.dialects.includes(draft.dialect)) {
      throw invalidArgument('dialect', `must be one of ${this.#parts.dialects.join(', ')}`);
    }
    if (!includesRole(issuer.role, draft.role) || (draft.mayReveal && !issuer.mayReveal)) {
      throw new VaultError('permission_denied', 'a key can not be granted more than its issuer has', { field: 'role' });
    }
  }

  #event(call: Call, action: AuditAction, id: string): AuditEvent {
    const { clock, ids } = this.#parts;
    const resource = { resourceKind: 'api_key', resourceId: id };
    return auditEvent(call, { id: ids.next(), time: clock.now(), action, outcome: 'OK', ...resource });
  }
}
