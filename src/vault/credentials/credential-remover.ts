import { authorize, isVisible, type Call } from '../caller.ts';
import type { Consumer } from '../consumer.ts';
import { notFound, VaultError } from '../errors.ts';
import { keepingOf, type MutationCall } from '../requests/mutation-call.ts';
import type { Keeping } from '../requests/ports.ts';
import { formatTime } from '../time.ts';
import type { CredentialUsage } from '../usage/credential-usage.ts';
import { decideUpdate, type ResealedCredential } from './credential-decisions.ts';
import { credentialReferenceOf } from './credential-reader.ts';
import type { Credential } from './credential.ts';
import { defaultLifecycle, isRecentlyUsed, purgeTimeOf, type Lifecycle } from './lifecycle.ts';
import type { FoundCredential } from './decision-ports.ts';
import type { UsedCredential } from './ports.ts';
import { SecretDescriber, type SecretDescriberParts } from './secret-describer.ts';

export interface CredentialRemoverParts extends SecretDescriberParts {
  readonly usage: CredentialUsage;
}

/** How a credential is deleted or deactivated. */
export interface RemovalOptions {
  /** If given, the change requires that the present etag is one of these. */
  readonly etags?: readonly string[] | undefined;
  /** Whether to do it even if the credential was used lately. */
  readonly force?: boolean | undefined;
}

/** A change after which the secret is no longer revealed. */
interface Removal extends RemovalOptions {
  readonly id: string;
  readonly action: 'credentials.deactivate' | 'credentials.delete';
  readonly change: (current: Credential) => Credential;
}

/**
 * Ends the use of credentials. If one was used within the days of the setting, that needs force: clients that still need the
 * secret would fail.
 */
export class CredentialRemover extends SecretDescriber {
  readonly #parts: Required<CredentialRemoverParts>;

  constructor(parts: CredentialRemoverParts) {
    super(parts);
    this.#parts = { lifecycle: defaultLifecycle, ...parts };
  }

  /**
   * Refuses reveals of a credential from now on. An inactive one stays as it is.
   *
   * @throws VaultError `failed_precondition` with the reason `RECENTLY_USED` and the consumers, if it was used lately
   */
  async deactivateCredential(
    call: MutationCall<Credential>,
    id: string,
    options: RemovalOptions = {},
  ): Promise<Credential> {
    const keeping = keepingOf(call, ({ credential }: ResealedCredential) => credential);
    return (await this.#remove(call, deactivationOf(id, options), keeping)).credential;
  }

  /**
   * Deletes softly: the credential is no longer revealed or shown among others, and its name is free, until it is purged.
   *
   * @throws VaultError as `deactivateCredential`
   */
  async deleteCredential(
    call: MutationCall<Credential>,
    id: string,
    options: RemovalOptions = {},
  ): Promise<Credential> {
    const keeping = keepingOf(call, ({ credential }: ResealedCredential) => credential);
    return (await this.#remove(call, this.#deletionOf(id, options), keeping)).credential;
  }

  /** As `deactivateCredential`; also returns those that used the credential last. */
  async deactivateUsedCredential(
    call: MutationCall<UsedCredential>,
    id: string,
    options: RemovalOptions,
  ): Promise<UsedCredential> {
    return this.#removeUsed(call, deactivationOf(id, options));
  }

  /** As `deleteCredential`; also returns those that used the credential last. */
  async deleteUsedCredential(
    call: MutationCall<UsedCredential>,
    id: string,
    options: RemovalOptions,
  ): Promise<UsedCredential> {
    return this.#removeUsed(call, this.#deletionOf(id, options));
  }

  #deletionOf(id: string, options: RemovalOptions): Removal {
    const deletedAt = this.#parts.clock.now();
    const purgeAt = purgeTimeOf(deletedAt, this.#parts.lifecycle);
    const change = (current: Credential) => ({ ...current, deletedAt, purgeAt });
    return { ...options, id, action: 'credentials.delete', change };
  }

  /** The consumers are read before, so that the answer that is kept for repetitions has them. */
  async #removeUsed(call: MutationCall<UsedCredential>, removal: Removal): Promise<UsedCredential> {
    const { keeping } = call;
    authorize(call, 'credentials.write');
    const consumers = await this.#consumersOf(call, removal.id).catch(noneIfUnreadable);
    const resultOf = ({ credential }: ResealedCredential) => ({ credential, consumers });
    return resultOf(await this.#remove(call, removal, keepingOf({ keeping }, resultOf)));
  }

  async #remove(
    call: Call,
    { id, force = false, change, ...update }: Removal,
    keeping: Keeping<ResealedCredential> | undefined,
  ): Promise<ResealedCredential> {
    authorize(call, 'credentials.write');
    const { clock, lifecycle, store, usage } = this.#parts;
    const { workspaceId, signal } = call;
    const target = { workspaceId, reference: credentialReferenceOf(id), lock: true, signal };
    const isGuarded = lifecycle.usedWithinDays > 0 && !force;
    // Otherwise the uses of the last second would be missing.
    if (isGuarded) await usage.flushAll();
    const now = clock.now();
    const checked = (current: Credential) => {
      if (isGuarded && isInUse(current, update.action) && isRecentlyUsed(current, now, lifecycle)) {
        throw recentlyUsed(current, lifecycle);
      }
      return change(current);
    };
    const decide = (found: FoundCredential | undefined) => {
      if (!found || !isVisible(call, found.credential)) throw notFound('credential', id);
      return decideUpdate({ ...this.#parts, call }, found, { ...update, change: checked });
    };
    try {
      return await store.decide(target, decide, keeping);
    } catch (error) {
      if (!(error instanceof VaultError && error.details.reason === 'RECENTLY_USED')) throw error;
      const consumers = await this.#consumersOf(call, id);
      throw new VaultError(error.code, error.message, { ...error.details, consumers }, { cause: error });
    }
  }

  async #consumersOf({ workspaceId, signal }: Call, id: string): Promise<readonly Consumer[]> {
    const found = await this.#parts.store.findUsed({ workspaceId, reference: credentialReferenceOf(id), signal });
    return found?.consumers ?? [];
  }
}

/** A row that was modified outside of Coffer is refused by the decision, which has an event. */
function noneIfUnreadable(error: unknown): readonly Consumer[] {
  if (error instanceof VaultError && error.code === 'secret_unreadable') return [];
  throw error;
}

function deactivationOf(id: string, options: RemovalOptions): Removal {
  return { ...options, id, action: 'credentials.deactivate', change: deactivated };
}

function deactivated(current: Credential): Credential {
  return { ...current, isActive: false };
}

/** Deactivating an inactive credential changes nothing. */
function isInUse({ isActive }: Credential, action: Removal['action']): boolean {
  return isActive || action === 'credentials.delete';
}

function recentlyUsed({ id, lastUsedAt }: Credential, { usedWithinDays }: Lifecycle): VaultError {
  const days = usedWithinDays === 1 ? 'day' : `${usedWithinDays} days`;
  const last = lastUsedAt ? ` (at ${formatTime(lastUsedAt)})` : '';
  const message = `the credential was used within the last ${days}${last}: this needs force, which the native API takes`;
  return new VaultError('failed_precondition', message, { reason: 'RECENTLY_USED', resource: 'credential', id });
}
