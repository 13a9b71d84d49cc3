import { authorize, isVisible, type Call } from '../caller.ts';
import { notFound } from '../errors.ts';
import { limits } from '../limits.ts';
import { defaultLifecycle } from './lifecycle.ts';
import type { Secret } from '../secret.ts';
import { checkText } from '../text-rules.ts';
import { cipherForWriting, updateOf, type CredentialChange, type UpdateOptions } from './credential-change.ts';
import { decideCreation, decideUpdate, newSealedCredential, previewOf } from './credential-decisions.ts';
import { credentialReferenceOf } from './credential-reader.ts';
import { checkDraft, checkSecret } from './credential-rules.ts';
import type { CredentialVaultParts } from './credential-vault.ts';
import type { Credential, CredentialDraft } from './credential.ts';

/**
 * Makes every check of a change and writes nothing, not even an event. The decisions are those of `CredentialVault`, so that a
 * preview refuses what the change would refuse.
 *
 * @see https://google.aip.dev/163
 */
export class PreviewVault {
  readonly #parts: Required<CredentialVaultParts>;

  constructor(parts: CredentialVaultParts) {
    this.#parts = { lifecycle: defaultLifecycle, ...parts };
  }

  /**
   * Checks a creation.
   *
   * @returns the credential that would be created; its id is never used
   * @throws VaultError what `CredentialVault.createCredential` throws
   */
  async previewCreation(call: Call, draft: CredentialDraft, secret: Secret): Promise<Credential> {
    authorize(call, 'credentials.write');
    checkDraft(draft);
    checkSecret(secret, this.#parts.secretBytesMax);
    const { workspaceId, signal } = call;
    const parts = { ...this.#parts, call, cipher: await cipherForWriting(this.#parts.ciphers, workspaceId) };
    const created = newSealedCredential(parts, draft, secret, this.#parts.ids.next());
    const target = { workspaceId, signal, ...(draft.nameIsExclusive && { exclusiveName: draft.name }) };
    const { credential } = await this.#parts.store.decide(target, () => previewOf(decideCreation(parts, created)));
    return credential;
  }

  /**
   * Checks an update of the metadata.
   *
   * @returns the credential as the update would leave it
   * @throws VaultError what `CredentialVault.updateCredential` throws
   */
  async previewUpdate(
    call: Call,
    id: string,
    change: CredentialChange,
    options: Pick<UpdateOptions, 'etags'> = {},
  ): Promise<Credential> {
    authorize(call, 'credentials.write');
    const { workspaceId, signal } = call;
    const { name } = change;
    if (name !== undefined) checkText('name', name, limits.nameCharacters);
    const update = updateOf(change, options, this.#parts.providerAfter);
    const target = { workspaceId, reference: credentialReferenceOf(id), exclusiveName: name, signal };
    const { credential } = await this.#parts.store.decide(target, (found) => {
      if (!found || !isVisible(call, found.credential)) throw notFound('credential', id);
      return previewOf(decideUpdate({ ...this.#parts, call }, found, update));
    });
    return credential;
  }
}
