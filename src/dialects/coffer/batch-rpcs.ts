import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  BatchCreateCredentialsRequest_Item,
  BatchCreateCredentialsResponse_Result,
  BatchCreateCredentialsResponse_ResultSchema,
  ItemErrorSchema,
} from '../../../gen/coffer/v1/credential_batch_pb.ts';
import { CredentialService } from '../../../gen/coffer/v1/credential_service_pb.ts';
import type {
  BatchRevealSecretsRequest_Item,
  BatchRevealSecretsResponse_ResultSchema,
} from '../../../gen/coffer/v1/secret_batch_pb.ts';
import { SecretService } from '../../../gen/coffer/v1/secret_service_pb.ts';
import { workspaceMutation } from '../../gateway/contract/bound-mutation.ts';
import { workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import { describeError } from '../../gateway/errors/connect-errors.ts';
import type { RevealRequest } from '../../vault/credentials/batch-reveal-vault.ts';
import type { NewCredential } from '../../vault/credentials/batch-vault.ts';
import type { RevealedSecret } from '../../vault/credentials/reveal-decisions.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import type { JointResult } from '../../vault/credentials/decision-ports.ts';
import { invalidArgument, VaultError } from '../../vault/errors.ts';
import { Secret } from '../../vault/secret.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { toStruct, toValueMessage } from '../shared/well-known-types.ts';
import { credentialToMessage, draftFromMessage } from './mapping.ts';
import { inWorkspace } from './requests.ts';

/** Items may be requested by name, so that a refusal is never taken for an absence; see ResolveSecret. */
const revealing = {
  ...inWorkspace('secrets.reveal'),
  deniesAbsentWorkspace: true,
  itemsOf: countRequests,
};

const getting = {
  ...inWorkspace('credentials.read'),
  itemsOf: ({ credentialIds }: { readonly credentialIds: readonly string[] }) => credentialIds.length,
};

/** For rate limits, a batch counts as its items. */
function countRequests({ requests }: { readonly requests: readonly unknown[] }): number {
  return requests.length;
}

/** The batches of `coffer.v1.CredentialService` and `coffer.v1.SecretService`. */
export function batchRpcs({ batches, batchReveals, clock }: DialectParts): BoundRpc[] {
  const { batchCreateCredentials, batchGetCredentials } = CredentialService.method;
  const { batchRevealSecrets } = SecretService.method;
  const credentialResults = (results: readonly JointResult<Credential>[]) => {
    const now = clock.now();
    return {
      results: results.map((result) => resultOf(result, (it) => ({ credential: credentialToMessage(it, now) }))),
    };
  };
  return [
    workspaceMutation(
      batchCreateCredentials,
      { ...inWorkspace('credentials.write'), itemsOf: countRequests },
      {
        answer: credentialResults,
        run: async ({ requests, atomic }, call) =>
          batches.createCredentials(call, requests.map(itemFromMessage), { isAtomic: atomic }),
        keep: ({ results }) => ({ results: results.map(keptOf) }),
        restore: async ({ results }, call) => {
          const ids = results.flatMap(({ credential }) => credential?.id ?? []);
          const found = ids.length === 0 ? undefined : await batches.findCreated(call, ids);
          return { results: results.map((kept) => restoreResult(kept, found, clock.now())) };
        },
      },
    ),
    workspaceRpc(batchGetCredentials, getting, async ({ credentialIds }, call) =>
      credentialResults(await batches.describeCredentials(call, credentialIds)),
    ),
    workspaceRpc(batchRevealSecrets, revealing, async ({ requests, purpose }, call) => {
      const results = await batchReveals.revealSecrets(call, requests.map(requestFromMessage), { purpose });
      const toMessage = (index: number) => (revealed: RevealedSecret) =>
        revealedToMessage(revealed, requests[index]?.field);
      return { results: results.map((result, index) => resultOf(result, toMessage(index))) };
    }),
  ];
}

function itemFromMessage({ credential, secret }: BatchCreateCredentialsRequest_Item): NewCredential | VaultError {
  if (!credential) return invalidArgument('credential', 'is required');
  if (!secret) return invalidArgument('secret', 'is required');
  try {
    return { draft: draftFromMessage(credential), secret: new Secret(secret) };
  } catch (error) {
    if (error instanceof VaultError) return error;
    throw error;
  }
}

/** Of a credential, only the id and the version are kept for repetitions. */
function keptOf({
  credential,
  error,
}: BatchCreateCredentialsResponse_Result): MessageInitShape<typeof BatchCreateCredentialsResponse_ResultSchema> {
  return credential ? { credential: { id: credential.id, currentVersion: credential.currentVersion } } : { error };
}

function restoreResult(
  kept: BatchCreateCredentialsResponse_Result,
  created: ReadonlyMap<string, Credential> | undefined,
  now: Date,
): MessageInitShape<typeof BatchCreateCredentialsResponse_ResultSchema> {
  const credential = created?.get(kept.credential?.id ?? '');
  return credential ? { credential: credentialToMessage(credential, now) } : kept;
}

function resultOf<Answer, Message>(
  result: JointResult<Answer>,
  toMessage: (answer: Answer) => Message,
): Message | { readonly error: MessageInitShape<typeof ItemErrorSchema> } {
  return 'error' in result ? { error: { ...describeError(result.error) } } : toMessage(result.answer);
}

function requestFromMessage(item: BatchRevealSecretsRequest_Item): RevealRequest {
  const { credentialId, name, provider, subject, field, version } = item;
  return {
    id: credentialId || undefined,
    name: name || undefined,
    provider: provider || undefined,
    subject: subject || undefined,
    field: field || undefined,
    version,
  };
}

function revealedToMessage(
  { credential, version, secret }: RevealedSecret,
  field = '',
): MessageInitShape<typeof BatchRevealSecretsResponse_ResultSchema> {
  const found = { credentialId: credential.id, version };
  const fields = secret.expose();
  return field === ''
    ? { ...found, secret: toStruct(fields) }
    : { ...found, value: toValueMessage(fields[field] ?? null) };
}
