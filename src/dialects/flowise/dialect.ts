import { CredentialService, CredentialSummarySchema } from '../../../gen/flowise/v1/credential_service_pb.ts';
import { workspaceListRpc, workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { Dialect } from '../../gateway/contract/dialect.ts';
import type { Call } from '../../vault/caller.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import { VaultError } from '../../vault/errors.ts';
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
  return [
    workspaceRpc(method.createCredential, { ...writing, credential: ({ id }) => id }, async (request, call) => {
      const { draft, secret, merge } = mapping.draftFromRequest(request);
      const { id } = request;
      if (id === undefined) {
        const created = await vault.createSealedCredential(call, draft, secret, secretRules);
        return { credential: mapping.createdToMessage(created) };
      }
      const stored = await vault.createOrReplaceCredential(call, { id, draft, secret, merge, ...secretRules });
      return { credential: mapping.changedToMessage(stored, call) };
    }),
    workspaceRpc(method.updateCredential, writing, async (request, call) => {
      const { change, secret } = mapping.changeFromRequest(request);
      const updated = await vault.updateSealedCredential(call, request.credentialId, change, { secret });
      return { credential: mapping.changedToMessage(updated, call) };
    }),
    workspaceRpc(method.deleteCredential, writing, async ({ credentialId }, call) => ({
      affected: await deleteCredential(vault, call, credentialId),
    })),
  ];
}

/** Returns the number of deleted credentials, since Flowise answers 0 instead of 404 for an absent one. */
async function deleteCredential(vault: CredentialVault, call: Call, id: string): Promise<number> {
  try {
    await vault.deleteCredential(call, id);
    return 1;
  } catch (error) {
    if (error instanceof VaultError && error.code === 'not_found') return 0;
    throw error;
  }
}
