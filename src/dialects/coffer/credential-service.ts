import type { MessageInitShape } from '@bufbuild/protobuf';
import { CredentialService, type CreateCredentialRequest } from '../../../gen/coffer/v1/credential_service_pb.ts';
import {
  CredentialEvent_Kind,
  CredentialEvent_KindSchema,
  EventService,
  type CredentialEvent,
  type WatchCredentialsResponseSchema,
} from '../../../gen/coffer/v1/event_service_pb.ts';
import { SecretService, type ResolveSecretRequest } from '../../../gen/coffer/v1/secret_service_pb.ts';
import { workspaceMutation } from '../../gateway/contract/bound-mutation.ts';
import { workspaceRpc, workspaceStream, type BoundRpc, type BoundStream } from '../../gateway/contract/bound-rpc.ts';
import type { CredentialWatch, WatchItem } from '../../vault/credentials/credential-watch.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import { invalidArgument } from '../../vault/errors.ts';
import type { RemovalOptions } from '../../vault/credentials/credential-remover.ts';
import type { UsedCredential } from '../../vault/credentials/ports.ts';
import { Secret } from '../../vault/secret.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { toStruct, toTimestamp, toValueMessage } from '../shared/well-known-types.ts';
import {
  usedCredentialToMessage,
  changeFromMessage,
  credentialToMessage,
  draftFromMessage,
  previewToMessage,
} from './mapping.ts';
import { pageSizeOf } from './pages.ts';
import { etagsOf, inWorkspace } from './requests.ts';
import { versionRpcs } from './version-service.ts';

/** The rpcs of `coffer.v1.CredentialService` and `coffer.v1.SecretService`. */
export function credentialServiceRpcs(parts: DialectParts): BoundRpc[] {
  return [
    ...readingRpcs(parts),
    ...writingRpcs(parts),
    ...deletionRpcs(parts),
    ...activationRpcs(parts),
    revealRpc(parts),
    resolveRpc(parts),
    ...versionRpcs(parts),
  ];
}

function readingRpcs({ vault, search, clock }: DialectParts): BoundRpc[] {
  const { getCredential, listCredentials } = CredentialService.method;
  const access = inWorkspace('credentials.read');
  return [
    workspaceRpc(getCredential, access, async ({ credentialId, showDeleted }, call) =>
      usedCredentialToMessage(await vault.describeUsedCredential(call, credentialId, { showDeleted }), clock.now()),
    ),
    workspaceRpc(listCredentials, access, async (request, call) => {
      const { filter, includeTotalSize, orderBy, pageToken, showDeleted } = request;
      const query = { filter, includeTotalSize, orderBy, pageToken, pageSize: pageSizeOf(request), showDeleted };
      const { credentials, nextPageToken, totalSize } = await search.search(call, query);
      const now = clock.now();
      return {
        credentials: credentials.map((credential) => credentialToMessage(credential, now)),
        nextPageToken,
        ...(totalSize !== undefined && { totalSize }),
      };
    }),
  ];
}

function writingRpcs({ vault, previews, clock }: DialectParts): BoundRpc[] {
  const { createCredential, updateCredential } = CredentialService.method;
  const access = inWorkspace('credentials.write');
  // The caller may choose the id.
  const creating = { ...access, credential: (request: CreateCredentialRequest) => request.credential?.id };
  const answer = (credential: Credential, { validateOnly }: { readonly validateOnly: boolean }) => ({
    credential: (validateOnly ? previewToMessage : credentialToMessage)(credential, clock.now()),
  });
  return [
    workspaceMutation(createCredential, creating, {
      answer,
      run: async ({ credential, secret, validateOnly }, call) => {
        const draft = draftFromMessage(required('credential', credential));
        const sent = new Secret(required('secret', secret));
        return validateOnly ? previews.previewCreation(call, draft, sent) : vault.createCredential(call, draft, sent);
      },
    }),
    workspaceMutation(updateCredential, access, {
      answer,
      run: async (request, call) => {
        const credential = required('credential', request.credential);
        const change = changeFromMessage(credential, request.updateMask?.paths ?? []);
        const etags = etagsOf(request);
        return request.validateOnly
          ? previews.previewUpdate(call, request.credentialId, change, { etags })
          : vault.updateCredential(call, request.credentialId, change, { etags });
      },
    }),
  ];
}

function deletionRpcs({ deletions, clock }: DialectParts): BoundRpc[] {
  const { undeleteCredential, purgeCredential } = CredentialService.method;
  return [
    workspaceMutation(undeleteCredential, inWorkspace('credentials.write'), {
      answer: (credential: Credential) => ({ credential: credentialToMessage(credential, clock.now()) }),
      run: (request, call) => deletions.undeleteCredential(call, request.credentialId, etagsOf(request)),
    }),
    workspaceMutation(purgeCredential, inWorkspace('credentials.purge'), {
      answer: () => ({}),
      run: (request, call) => deletions.purgeCredential(call, request.credentialId, etagsOf(request)),
    }),
  ];
}

/** What ends the use of a credential, and what begins it again. */
function activationRpcs({ vault, clock }: DialectParts): BoundRpc[] {
  const { activateCredential, deactivateCredential, deleteCredential } = CredentialService.method;
  const access = inWorkspace('credentials.write');
  const answer = (used: UsedCredential) => usedCredentialToMessage(used, clock.now());
  return [
    workspaceMutation(activateCredential, access, {
      answer: (credential: Credential) => ({ credential: credentialToMessage(credential, clock.now()) }),
      run: (request, call) => vault.activateCredential(call, request.credentialId, etagsOf(request)),
    }),
    workspaceMutation(deactivateCredential, access, {
      answer,
      run: (request, call) => vault.deactivateUsedCredential(call, request.credentialId, removalOf(request)),
    }),
    workspaceMutation(deleteCredential, access, {
      answer,
      run: (request, call) => vault.deleteUsedCredential(call, request.credentialId, removalOf(request)),
    }),
  ];
}

function removalOf(request: { readonly etag: string; readonly force: boolean }): RemovalOptions {
  return { etags: etagsOf(request), force: request.force };
}

function revealRpc({ vault }: DialectParts): BoundRpc {
  const { revealSecret } = SecretService.method;
  return workspaceRpc(
    revealSecret,
    inWorkspace('secrets.reveal'),
    async ({ credentialId, purpose, version: number }, call) => {
      const { secret, version } = await vault.revealSecret(call, credentialId, { purpose, version: number });
      return { secret: toStruct(secret.expose()), version };
    },
  );
}

/** In its refusals "not found" is never a lack of permission: clients delete their copies when they get it. */
const resolving = {
  ...inWorkspace('secrets.reveal'),
  deniesAbsentWorkspace: true,
  // Never the subject: that is personal data.
  credential: ({ name }: ResolveSecretRequest) => name,
};

function resolveRpc({ resolver }: DialectParts): BoundRpc {
  const { resolveSecret } = SecretService.method;
  return workspaceRpc(resolveSecret, resolving, async (request, call) => {
    const { field } = request;
    const { credential, version, secret } = await resolver.resolveSecret(call, {
      name: request.name || undefined,
      provider: request.provider || undefined,
      subject: request.subject || undefined,
      field: field || undefined,
      version: request.version,
      purpose: request.purpose || undefined,
    });
    const found = { credentialId: credential.id, version };
    const fields = secret.expose();
    return field === ''
      ? { ...found, secret: toStruct(fields) }
      : { ...found, value: toValueMessage(fields[field] ?? null) };
  });
}

/** The streams of `coffer.v1.EventService`. */
export function eventServiceStreams(watch: CredentialWatch): BoundStream[] {
  const { watchCredentials } = EventService.method;
  return [
    workspaceStream(
      watchCredentials,
      { ...inWorkspace('credentials.read'), also: ({ includeReveals }) => (includeReveals ? 'audit.read' : undefined) },
      async function* ({ includeReveals, resumeToken }, call) {
        const items = watch.watchCredentials(call, resumeToken === '' ? undefined : resumeToken, { includeReveals });
        for await (const item of items) yield itemToMessage(item);
      },
      ({ event, resumeToken: id }) => ({ id, event: kindOf(event) ?? 'heartbeat' }),
    ),
  ];
}

function kindOf(event: CredentialEvent | undefined): string | undefined {
  return event && CredentialEvent_KindSchema.value[event.kind]?.name;
}

function itemToMessage({ change, resumeToken }: WatchItem): MessageInitShape<typeof WatchCredentialsResponseSchema> {
  if (!change) return { resumeToken };
  const { eventId: id, time, kind, ...shown } = change;
  return { resumeToken, event: { ...shown, id, time: toTimestamp(time), kind: CredentialEvent_Kind[kind] } };
}

/** Validation refuses requests without it, but the generated types do not express that. */
function required<Value>(field: string, value: Value | undefined): Value {
  if (value === undefined) throw invalidArgument(field, 'is required');
  return value;
}
