import { CredentialService, type CreateCredentialRequest } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import { invalidArgument } from '../../vault/errors.ts';
import type { Clock } from '../../vault/time.ts';
import { Secret } from '../../vault/secret.ts';
import { inWorkspace } from './in-workspace.ts';
import { etagsFromText } from './etags.ts';
import { changeFromMessage, credentialToMessage, draftFromMessage } from './mapping.ts';
import { readFoundPage } from './pages.ts';

/** What the service calls. */
export interface CredentialServiceParts {
  readonly vault: CredentialVault;
  readonly clock: Clock;
}

/** The rpcs of `coffer.v1.CredentialService`. */
export function credentialServiceRpcs(parts: CredentialServiceParts): BoundRpc[] {
  return [...readingRpcs(parts), ...writingRpcs(parts), ...activationRpcs(parts)];
}

function readingRpcs({ vault, clock }: CredentialServiceParts): BoundRpc[] {
  const { getCredential, listCredentials } = CredentialService.method;
  return [
    workspaceRpc(getCredential, inWorkspace('credentials.read'), async ({ credentialId }, call) => ({
      credential: credentialToMessage(await vault.describeCredential(call, credentialId), clock.now()),
    })),
    workspaceRpc(listCredentials, inWorkspace('credentials.read'), async (request, call) => {
      const page = await readFoundPage('credentials', request, async (range) => {
        const { credentials: items, hasMore } = await vault.pageCredentials(call, { ...range, order: 'descending' });
        return { items, hasMore };
      });
      const now = clock.now();
      const credentials = page.items.map((credential) => credentialToMessage(credential, now));
      return { credentials, nextPageToken: page.nextPageToken };
    }),
  ];
}

function writingRpcs({ vault, clock }: CredentialServiceParts): BoundRpc[] {
  const { createCredential, updateCredential, deleteCredential } = CredentialService.method;
  // An id may be given.
  const creating = {
    ...inWorkspace('credentials.write'),
    credential: (request: CreateCredentialRequest) => request.credential?.id,
  };
  const answer = (credential: Credential) => ({ credential: credentialToMessage(credential, clock.now()) });
  return [
    workspaceRpc(createCredential, creating, async ({ credential, secret }, call) => {
      const draft = draftFromMessage(required('credential', credential));
      return answer(await vault.createCredential(call, draft, new Secret(required('secret', secret))));
    }),
    workspaceRpc(updateCredential, inWorkspace('credentials.write'), async (request, call) => {
      const credential = required('credential', request.credential);
      const change = changeFromMessage(credential, request.updateMask?.paths ?? []);
      const etags = etagsFromText(request.etag) ?? etagsFromText(credential.etag);
      return answer(await vault.updateCredential(call, request.credentialId, change, { etags }));
    }),
    workspaceRpc(deleteCredential, inWorkspace('credentials.write'), async ({ credentialId, etag }, call) =>
      answer(await vault.deleteCredential(call, credentialId, etagsFromText(etag))),
    ),
  ];
}

function activationRpcs({ vault, clock }: CredentialServiceParts): BoundRpc[] {
  const { activateCredential, deactivateCredential } = CredentialService.method;
  return [
    workspaceRpc(activateCredential, inWorkspace('credentials.write'), async ({ credentialId }, call) => ({
      credential: credentialToMessage(await vault.activateCredential(call, credentialId), clock.now()),
    })),
    workspaceRpc(deactivateCredential, inWorkspace('credentials.write'), async ({ credentialId }, call) => ({
      credential: credentialToMessage(await vault.deactivateCredential(call, credentialId), clock.now()),
    })),
  ];
}

/** Validation has refused its absence already; the types do not know. */
function required<Value>(field: string, value: Value | undefined): Value {
  if (value === undefined) throw invalidArgument(field, 'is required');
  return value;
}
