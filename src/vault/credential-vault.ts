import { auditEvent, type AuditAction, type AuditEvent, type AuditOutcome } from './audit-event.ts';
import { authorize, type Call } from './caller.ts';
import { checkDraft, checkSecret, type CredentialDraft } from './credential-rules.ts';
import { etagOf, stateOf, type Credential, type SealedVersion } from './credential.ts';
import { invalidArgument, notFound, VaultError } from './errors.ts';
import { parseReference, type Reference } from './ids.ts';
import { limits } from './limits.ts';
import type {
  Clock,
  CredentialStore,
  Decision,
  FoundCredential,
  IdSource,
  PageRequest,
  SealerSource,
  WorkspaceSealer,
} from './ports.ts';
import type { Secret } from './secret.ts';
import type { UseRecorder } from './use-recorder.ts';

/** What the core of the vault works with. */
export interface CredentialVaultParts {
  readonly store: CredentialStore;
  readonly sealers: SealerSource;
  readonly uses: UseRecorder;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** The greatest secret, in bytes of its JSON. */
  readonly secretBytesMax: number;
}

/** Members of a draft that an update changes; what is absent stays. */
export type CredentialChange = Partial<Omit<CredentialDraft, 'nameIsExclusive' | 'isActive'>>;

/** A credential with its current secret as it is stored: ciphertext. */
export interface SealedCredential {
  readonly credential: Credential;
  readonly version: SealedVersion;
}

/** A secret in clear, with the credential that it belongs to. */
export interface RevealedSecret {
  readonly credential: Credential;
  readonly version: number;
  readonly secret: Secret;
}

/** A page of a list; see `PageRequest` for its members. */
export type CredentialPage = Omit<PageRequest, 'workspaceId' | 'signal' | 'deletedToo'>;

/**
 * Creates, shows, changes and reveals credentials. Each method first authorizes the call in its workspace; ids may be in
 * either spelling, and one that is malformed, unknown, deleted or of another workspace is `not_found`.
 */
export class CredentialVault {
  readonly #parts: CredentialVaultParts;

  constructor(parts: CredentialVaultParts) {
    this.#parts = parts;
  }

  /** @throws VaultError `invalid_argument`, or `name_taken` for an exclusive name */
  async createCredential(call: Call, draft: CredentialDraft, secret: Secret): Promise<Credential> {
    const { credential } = await this.createSealedCredential(call, draft, secret);
    return credential;
  }

  /** As `createCredential`; answers the sealed bytes, too, for the dialects that show them. */
  async createSealedCredential(call: Call, draft: CredentialDraft, secret: Secret): Promise<SealedCredential> {
    authorize(call.caller, call.workspaceId, 'credentials.write');
    checkDraft(draft);
    checkSecret(secret, this.#parts.secretBytesMax);
    const sealer = await this.#parts.sealers.sealerOf(call.workspaceId);
    const credential = this.#newCredential(call, draft);
    const version = this.#sealVersion(sealer, call, credential, 1, secret);
    return this.#parts.store.decide({ workspaceId: call.workspaceId, signal: call.signal }, () => ({
      insert: { credential, version },
      event: this.#event(call, 'credentials.create', credential.id),
      answer: { credential, version },
    }));
  }

  /** Shows the metadata, whatever the state. */
  async describeCredential(call: Call, id: string): Promise<Credential> {
    authorize(call.caller, call.workspaceId, 'credentials.read');
    const reference = referenceOf(id);
    const credential = await this.#parts.store.find(call.workspaceId, reference, call.signal);
    if (!credential) throw notFound('credential', id);
    return credential;
  }

  /** @throws VaultError `invalid_argument` for a page size out of 1..`limits.pageSize` */
  async listCredentials(call: Call, page: CredentialPage): Promise<readonly Credential[]> {
    authorize(call.caller, call.workspaceId, 'credentials.read');
    if (!(page.size >= 1 && page.size <= limits.pageSize)) throw invalidArgument('page_size', 'is out of range');
    return this.#parts.store.list({ ...page, workspaceId: call.workspaceId, signal: call.signal });
  }

  /** Walks the whole list, one page in memory at a time. */
  async *walkCredentials(call: Call, page: Omit<CredentialPage, 'after' | 'size'>): AsyncGenerator<Credential> {
    const size = limits.pageSize;
    let after: string | undefined;
    for (;;) {
      const chunk = await this.listCredentials(call, { ...page, size, ...(after !== undefined && { after }) });
      yield* chunk;
      after = chunk.at(-1)?.id;
      if (chunk.length < size) return;
    }
  }

  /**
   * Changes metadata.
   *
   * @param etag where given, the change is made only to that state
   * @throws VaultError `etag_stale`, `invalid_argument` or `name_taken`
   */
  async updateCredential(call: Call, id: string, change: CredentialChange, etag?: string): Promise<Credential> {
    return this.#change(call, { id, action: 'credentials.update', ...(etag !== undefined && { etag }) }, (current) => {
      const changed = { ...current, ...change };
      checkDraft(changed);
      return changed;
    });
  }

  /** Lets a credential be revealed. It need not have been inactive. */
  async activateCredential(call: Call, id: string): Promise<Credential> {
    return this.#change(call, { id, action: 'credentials.activate' }, (current) => ({ ...current, isActive: true }));
  }

  /** Stops a credential from being revealed. It need not have been active. */
  async deactivateCredential(call: Call, id: string): Promise<Credential> {
    return this.#change(call, { id, action: 'credentials.deactivate' }, (current) => ({ ...current, isActive: false }));
  }

  /** Deletes softly: it is no longer shown or revealed, and its name is free. */
  async deleteCredential(call: Call, id: string, etag?: string): Promise<Credential> {
    const deletedAt = this.#parts.clock.now();
    return this.#change(call, { id, action: 'credentials.delete', ...(etag !== undefined && { etag }) }, (current) => ({
      ...current,
      deletedAt,
    }));
  }

  /**
   * Opens the current secret of an active credential. It is answered once the event of it is durable.
   *
   * @throws VaultError `credential_inactive`, `credential_expired`, or `secret_unreadable` where the bytes do not open
   */
  async revealSecret(call: Call, id: string): Promise<RevealedSecret> {
    authorize(call.caller, call.workspaceId, 'secrets.reveal');
    const { clock, sealers, store, uses } = this.#parts;
    const target = { workspaceId: call.workspaceId, reference: referenceOf(id), sealed: true, signal: call.signal };
    const sealer = await sealers.sealerOf(call.workspaceId);
    const now = clock.now();
    const revealed = await store.decide(target, (found) => this.#decideReveal(call, id, sealer, now, found));
    uses.note(call.workspaceId, revealed.credential.id, now);
    return revealed;
  }

  #decideReveal(
    call: Call,
    id: string,
    sealer: WorkspaceSealer,
    now: Date,
    found: FoundCredential | undefined,
  ): Decision<RevealedSecret> {
    if (!found?.current) throw notFound('credential', id);
    const { credential, current } = found;
    const event = (outcome: AuditOutcome) => this.#event(call, 'secrets.reveal', credential.id, outcome);
    const refusal = refusalToReveal(credential, now);
    if (refusal) return { event: event('DENIED'), refusal };
    const identity = { workspaceId: call.workspaceId, credentialId: credential.id, version: current.version };
    try {
      const secret = sealer.open(identity, current.sealed);
      return { event: event('OK'), answer: { credential, version: current.version, secret } };
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      return { event: event('FAILED'), refusal: error };
    }
  }

  async #change(
    call: Call,
    target: { readonly id: string; readonly action: AuditAction; readonly etag?: string },
    change: (current: Credential) => Credential,
  ): Promise<Credential> {
    authorize(call.caller, call.workspaceId, 'credentials.write');
    const reference = referenceOf(target.id);
    const now = this.#parts.clock.now();
    const decisionTarget = { workspaceId: call.workspaceId, reference, lock: true, signal: call.signal };
    return this.#parts.store.decide(decisionTarget, (found) => {
      if (!found) throw notFound('credential', target.id);
      checkEtag(found.credential, target.etag);
      const event = this.#event(call, target.action, found.credential.id);
      const changed = change(found.credential);
      if (sameMetadata(changed, found.credential)) return { event, answer: found.credential };
      const credential = { ...changed, revision: found.credential.revision + 1, updatedAt: now };
      return { update: { credential }, event, answer: credential };
    });
  }

  #newCredential(call: Call, draft: CredentialDraft): Credential {
    const now = this.#parts.clock.now();
    return {
      ...draft,
      workspaceId: call.workspaceId,
      id: this.#parts.ids.next(),
      lastUsedAt: null,
      useCount: 0,
      currentVersion: 1,
      revision: 1,
      origin: call.dialect,
      createdBy: call.caller.userId,
      createdAt: now,
      updatedAt: now,
      deletedAt: null,
    };
  }

  #sealVersion(sealer: WorkspaceSealer, call: Call, credential: Credential, version: number, secret: Secret) {
    const identity = { workspaceId: credential.workspaceId, credentialId: credential.id, version };
    const sealed = sealer.seal(identity, secret);
    return { version, ...sealed, createdBy: call.caller.userId, createdAt: credential.updatedAt };
  }

  #event(call: Call, action: AuditAction, credentialId: string, outcome: AuditOutcome = 'OK'): AuditEvent {
    const { clock, ids } = this.#parts;
    const resource = { resourceKind: 'credential', resourceId: credentialId };
    return auditEvent(call, { id: ids.next(), time: clock.now(), action, ...resource, outcome });
  }
}

function referenceOf(id: string): Reference {
  const reference = parseReference('credential', id);
  if (!reference) throw notFound('credential', id);
  return reference;
}

function refusalToReveal(credential: Credential, now: Date): VaultError | undefined {
  const state = stateOf(credential, now);
  if (state === 'EXPIRED') return new VaultError('credential_expired', 'Credential has expired');
  if (state === 'INACTIVE') return new VaultError('credential_inactive', 'Credential is not active');
  return state === 'DELETED' ? notFound('credential', credential.id) : undefined;
}

function checkEtag(credential: Credential, etag: string | undefined): void {
  const current = etagOf(credential);
  if (etag === undefined || etag === current) return;
  throw new VaultError('etag_stale', `the credential has changed: its etag is ${current}`, { etag: current });
}

function sameMetadata(one: Credential, other: Credential): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
