import type { CredentialUpdate } from './credential-decisions.ts';
import { checkDraft, type CredentialDraft } from './credential-rules.ts';
import type { Credential } from './credential.ts';
import type { SecretChange } from './secret-change.ts';

/** Members of a draft that an update changes; what is absent stays. */
export type CredentialChange = Partial<Omit<CredentialDraft, 'nameIsExclusive' | 'isActive'>>;

/** A change that depends on what is changed. Synchronous and pure, since it may be called several times. */
export type CredentialChangeMaker = (current: Credential) => CredentialChange;

/**
 * The provider name that a credential has after a caller sent one: the present one where the sent one is another name of the
 * same provider.
 */
export type ProviderAfter = (present: string, sent: string) => string;

/** How a credential is updated, beside its metadata. */
export interface UpdateOptions {
  /** Where given, the update is made only to a state that one of them is of. */
  readonly etags?: readonly string[] | undefined;
  /** Makes the new secret of the present one, which no other call can change meanwhile. */
  readonly secret?: SecretChange | undefined;
}

/** The update that a change of metadata is; what it makes is held against the limits. */
export function updateOf(
  change: CredentialChange | CredentialChangeMaker,
  { etags }: UpdateOptions,
  providerAfter: ProviderAfter,
): CredentialUpdate {
  return {
    action: 'credentials.update',
    etags,
    change: (current) => {
      const sent = typeof change === 'function' ? change(current) : change;
      const provider = providerAfter(current.provider, sent.provider ?? current.provider);
      const changed = { ...current, ...sent, provider };
      checkDraft(changed);
      return changed;
    },
  };
}
