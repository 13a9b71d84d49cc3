import {
  authorize,
  isVisible,
  keyScopeOfCall,
  outOfScope,
  permissionDenied,
  type Authorized,
  type Call,
} from '../caller.ts';
import { invalidArgument, VaultError } from '../errors.ts';
import { isPinned } from '../key-scope.ts';
import { limits } from '../limits.ts';
import { Secret } from '../secret.ts';
import { checkOptionalText } from '../text-rules.ts';
import type { WorkspaceCipher } from '../workspaces/ports.ts';
import { decideReveal, revocationCheckOf, type RevealParts, type RevealedSecret } from './reveal-decisions.ts';
import type { CredentialVaultParts } from './credential-vault.ts';
import {
  ambiguousIdsMax,
  type CredentialMatch,
  type Decision,
  type DecisionTarget,
  type FoundCredential,
  type FoundMatches,
} from './decision-ports.ts';
import { decideVersionReveal } from './version-decisions.ts';
import { checkVersionNumber } from './version-retention.ts';

/** What a secret is found by; all that is given must match, byte for byte. */
export interface SecretQuery {
  readonly name?: string | undefined;
  readonly provider?: string | undefined;
  readonly subject?: string | undefined;
  /** The top-level field of the secret that is returned; all of it where absent. */
  readonly field?: string | undefined;
  /** The number of the version; 0 for the current one, as where it is absent. */
  readonly version?: number | undefined;
  /** Why, as the caller states it, for the event: at most 255 characters. */
  readonly purpose?: string | undefined;
}

export type SecretResolverParts = Pick<CredentialVaultParts, 'store' | 'ciphers' | 'usage' | 'clock' | 'ids'>;

/**
 * Reveals secrets by what their credentials have instead of by id. `not_found` means one thing: the caller may reveal everything
 * that could match, in an existing workspace, and nothing matches. Clients delete their copies when they get it.
 */
export class SecretResolver {
  readonly #parts: SecretResolverParts;

  constructor(parts: SecretResolverParts) {
    this.#parts = parts;
  }

  /**
   * Opens a version of the secret of the only active credential that matches, and returns it once the event of the reveal is durable.
   *
   * @returns with `field`, a secret of only this field
   * @throws VaultError `permission_denied` also for what is outside of the scope of the caller's key, whether it exists or not;
   *   `failed_precondition` with the reason `AMBIGUOUS_NAME` if several match; `credential_inactive` or `credential_expired` if
   *   only such ones do; `invalid_argument`, also for an absent field; `secret_unreadable`
   */
  async resolveSecret(call: Call, query: SecretQuery): Promise<RevealedSecret> {
    authorize(call, 'secrets.reveal');
    checkQuery(query);
    const { workspaceId, signal } = call;
    const { clock, store, usage } = this.#parts;
    const { purpose = null, field = null } = query;
    const parts = { ...this.#parts, call, purpose, field };
    const now = clock.now();
    const cipher = await this.#cipherOrRefusal(workspaceId);
    const reference = { match: matchOf(call, query, now) };
    const revocationCheck = revocationCheckOf(parts);
    const { version = 0 } = query;
    const target = { workspaceId, reference, ...loadedVersion(version), revocationCheck, signal };
    const revealed = await store.decide(target, (found, matches) =>
      decideResolution({ parts, cipher, query, now }, found, matches),
    );
    usage.record(call, revealed.credential.id, now);
    return revealed;
  }

  /** Without a cipher it can still be decided that nothing matches, or that the workspace was deleted. */
  async #cipherOrRefusal(workspaceId: string): Promise<WorkspaceCipher | VaultError> {
    try {
      return await this.#parts.ciphers.cipherFor(workspaceId);
    } catch (error) {
      if (error instanceof VaultError && error.code === 'secret_unreadable') return error;
      throw error;
    }
  }
}

/** @throws VaultError `invalid_argument` */
export function checkQuery({ name, provider, subject, field, purpose, version = 0 }: SecretQuery): void {
  if (name === undefined && subject === undefined) throw invalidArgument('name', 'or subject is required');
  checkOptionalText('name', name ?? null, limits.nameCharacters);
  checkOptionalText('provider', provider ?? null, limits.shortTextCharacters);
  checkOptionalText('subject', subject ?? null, limits.shortTextCharacters);
  checkOptionalText('field', field ?? null, limits.shortTextCharacters);
  checkOptionalText('purpose', purpose ?? null, limits.shortTextCharacters);
  checkVersionNumber('version', version);
}

/** What a reveal of a version, or of the current one, loads of its credential. */
export function loadedVersion(version: number): Pick<DecisionTarget, 'sealed' | 'versions'> {
  return version === 0 ? { sealed: true } : { versions: [version] };
}

/** What a query means to the store: limited to the scope of the caller's key. */
export function matchOf(call: Call, { name, provider, subject }: SecretQuery, now: Date): CredentialMatch {
  return { name, provider, subject, now, ...keyScopeOfCall(call) };
}

/** What a resolution is decided with. */
export interface Resolution {
  readonly parts: Omit<RevealParts, 'cipher'>;
  readonly cipher: WorkspaceCipher | VaultError;
  readonly query: SecretQuery;
  readonly now: Date;
}

/**
 * Decides to return the secret, or the field of it, of the only active credential that matches.
 *
 * @throws VaultError the refusal if there is none, or several
 */
export function decideResolution(
  { parts, cipher, query, now }: Resolution,
  found: FoundCredential | undefined,
  matches: FoundMatches | undefined,
): Decision<RevealedSecret> {
  const { call } = parts;
  if (!matches?.workspaceExists) throw permissionDenied('secrets.reveal', call.workspaceId);
  if (matches.activeIds.length > 1) throw ambiguous(matches.activeIds);
  if (!found || !isVisible(call, found.credential)) throw absent(call, query);
  if (cipher instanceof VaultError) throw cipher;
  const { version = 0, field } = query;
  const revealParts = { ...parts, cipher };
  const isCurrent = version === 0;
  return onlyField(
    isCurrent ? decideReveal(revealParts, now, found) : decideVersionReveal(revealParts, now, found, version),
    field,
  );
}

/** Limits the answer of a reveal to one field of the secret, if one is given. An absent field is refused, with an event. */
export function onlyField(decision: Decision<RevealedSecret>, field: string | undefined): Decision<RevealedSecret> {
  if ('refusal' in decision || field === undefined) return decision;
  const fields = decision.answer.secret.expose();
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (value === undefined) return { event: { ...decision.event, outcome: 'FAILED' }, refusal: fieldNotFound() };
  return { ...decision, answer: { ...decision.answer, secret: new Secret({ [field]: value }) } };
}

/** Both texts are constant, so that they do not depend on what exists. */
function absent(call: Authorized<'secrets.reveal'>, { name, provider, subject }: SecretQuery): VaultError {
  const { keyScope } = keyScopeOfCall(call);
  const mayKnow = keyScope === undefined || (name === undefined && isPinned(keyScope, { provider, subject }));
  return mayKnow
    ? new VaultError('not_found', 'credential not found', { resource: 'credential' })
    : outOfScope('secrets.reveal', call.workspaceId);
}

function ambiguous(ids: readonly string[]): VaultError {
  const count = ids.length < ambiguousIdsMax ? `${ids.length}` : `at least ${ambiguousIdsMax}`;
  const message = `${count} active credentials match: ${ids.join(', ')}`;
  return new VaultError('failed_precondition', message, { reason: 'AMBIGUOUS_NAME', credentialIds: ids });
}

function fieldNotFound(): VaultError {
  return new VaultError('invalid_argument', 'the secret has no such field', {
    field: 'field',
    reason: 'FIELD_NOT_FOUND',
  });
}
