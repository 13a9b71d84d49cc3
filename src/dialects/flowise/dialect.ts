import {
  CredentialService,
  CredentialSummarySchema,
  type CreateCredentialRequest,
  type Credential as CredentialMessage,
  type UpdateCredentialRequest,
} from '../../../gen/flowise/v1/credential_service_pb.ts';
import { workspaceMutation } from '../../gateway/contract/bound-mutation.ts';
import { workspaceListRpc, workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { Dialect } from '../../gateway/contract/dialect.ts';
import type { Call } from '../../vault/caller.ts';
import type { SealedCredential } from '../../vault/credentials/credential-decisions.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import { VaultError } from '../../vault/errors.ts';
import type { MutationCall } from '../../vault/requests/mutation-call.ts';
import { answerBudgetOf } from '../shared/answer-budget.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { componentRpcs, fixedAnswers, unwrapComponents } from './components.ts';
import { documentation } from './documentation.ts';
import { renderProblem } from './errors.ts';
import * as mapping from './mapping.ts';
import { dialectName, isPlain } from './secrets.ts';

/** Flowise's credentials API. @see seed 000 */
export function flowiseDialect(parts: DialectParts): Dialect {
  return {
    name: dialectName,
    rpcs: [...readingRpcs(parts), ...writingRpcs(parts), ...componentRpcs(parts.vault)],
    documentation,
    fixedAnswers: fixedAnswers(parts.version),
    rest: {
      json: { names: 'json', unset: 'null', int64: 'number', timestamp: 'milliseconds' },
      unknownMembers: 'ignore',
      successStatus: {},
      renderProblem,
      envelope: unwrapComponents,
      headers: { GetCredential: noStore, RevealCredential: noStore },
    },
  };
}

const { method } = CredentialService;
const reading = { permission: 'credentials.read' } as const;
const writing = { permission: 'credentials.write' } as const;
const revealing = { permission: 'secrets.reveal' } as const;
const noStore = { 'cache-control': 'no-store' } as const;

/** The secret of a component without parameters is an empty object. */
const secretRules = { mayBeEmpty: true } as const;

function readingRpcs({ vault }: DialectParts): BoundRpc[] {
  return [
    workspaceListRpc(method.listCredentials, reading, {
      chunks: ({ credentialName }, call) => listCredentials(vault, call, credentialName),
      answer: (credentials) => ({ credentials: [...credentials] }),
    }),
    workspaceRpc(method.getCredential, reading, async ({ credentialId }, call) => ({
      credential: mapping.detailToMessage(await vault.describeSecret(call, credentialId, isPlain)),
    })),
    workspaceRpc(method.revealCredential, revealing, async ({ credentialId }, call) =>
      mapping.revealedToMessage(await vault.revealSecret(call, credentialId)),
    ),
  ];
}

async function* listCredentials(vault: CredentialVault, call: Call, credentialNames: readonly string[]) {
  const budget = answerBudgetOf(call, CredentialSummarySchema);
  const wanted = mapping.providersFor(credentialNames);
  const walk = { order: 'ascending', ...(wanted && { providers: wanted }) } as const;
  for await (const chunk of vault.walkCredentials(call, walk)) {
    yield chunk
      .filter((credential) => !wanted || mapping.isFor(credentialNames, credential))
      .map((credential) => budget.spend(mapping.summaryToMessage(credential)));
  }
}

function writingRpcs({ vault }: DialectParts): BoundRpc[] {
  const keeping = {
    keep: ({ credential }: Stored, { version }: SealedCredential) => ({
      credential: credential && mapping.keptOf(credential, version.version),
    }),
    restore: async ({ credential }: Stored, call: Call) => ({
      credential: credential && (await restoreCredential(vault, credential, call)),
    }),
  };
  return [
    workspaceMutation(
      method.createCredential,
      { ...writing, credential: ({ id }) => id },
      {
        ...keeping,
        answer: (stored: SealedCredential, { id }: Pick<CreateCredentialRequest, 'id'>, call: Call) => ({
          credential: id === undefined ? mapping.createdToMessage(stored) : mapping.changedToMessage(stored, call),
        }),
        run: async (request, call) => {
          const { draft, secret, merge } = mapping.draftFromRequest(request);
          const { id } = request;
          if (id === undefined) return vault.createSealedCredential(call, draft, secret, secretRules);
          return vault.createOrReplaceCredential(call, { id, draft, secret, merge, ...secretRules });
        },
      },
    ),
    workspaceMutation(method.updateCredential, writing, {
      ...keeping,
      answer: (updated: SealedCredential, _: UpdateCredentialRequest, call: Call) => ({
        credential: mapping.changedToMessage(updated, call),
      }),
      run: async (request, call) => {
        const { change, secret } = mapping.changeFromRequest(request);
        return vault.updateSealedCredential(call, request.credentialId, change, { secret });
      },
    }),
    workspaceMutation(method.deleteCredential, writing, {
      answer: (deleted: Credential | undefined) => ({ affected: deleted ? 1 : 0 }),
      run: ({ credentialId }, call) => deleteCredential(vault, call, credentialId),
    }),
  ];
}

interface Stored {
  readonly credential?: CredentialMessage | undefined;
}

/** Adds the ciphertext of the version that the first answer showed, or none if that is gone. */
async function restoreCredential(vault: CredentialVault, kept: CredentialMessage, call: Call) {
  const version = mapping.keptVersionOf(kept);
  const sealed = version === undefined ? undefined : await vault.findSealed(call, kept.id, version);
  return { ...kept, encryptedData: sealed ?? new Uint8Array() };
}

/** Returns undefined for an absent credential, since Flowise answers that nothing was affected instead of 404. */
async function deleteCredential(
  vault: CredentialVault,
  call: MutationCall<Credential>,
  id: string,
): Promise<Credential | undefined> {
  try {
    return await vault.deleteCredential(call, id);
  } catch (error) {
    if (error instanceof VaultError && error.code === 'not_found') return undefined;
    throw error;
  }
}
