import * as mapping from './mapping.ts';
import { ComponentCredentialService } from '../../../gen/flowise/v1/component_credential_service_pb.ts';
import { CredentialService, CredentialSummarySchema } from '../../../gen/flowise/v1/credential_service_pb.ts';
import type { Dialect } from '../../gateway/contract/dialect.ts';
import { authenticatedRpc, workspaceListRpc, workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { Call } from '../../vault/caller.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import { invalidArgument, notFound, VaultError } from '../../vault/errors.ts';
import { findProvider, isFreeForm, providers } from '../shared/provider-catalogue.ts';
import { componentOf, componentsMax, freeFormComponentOf, separator, unwrapComponents } from './components.ts';
import { documentation } from './documentation.ts';
import { renderProblem } from './errors.ts';
import { answerBudgetOf } from '../shared/answer-budget.ts';
import { fixedAnswers } from './fixed-answers.ts';
import { flowiseName, isPlain } from './redaction.ts';

/** What the dialect works with. */
export interface FlowiseParts {
  readonly vault: CredentialVault;
  /** The product's. */
  readonly version: string;
}

/** Flowise's credentials API. @see seed 000 */
export function flowiseDialect({ vault, version }: FlowiseParts): Dialect {
  return {
    name: flowiseName,
    rpcs: [...showingRpcs(vault), ...changingRpcs(vault), ...componentRpcs(vault)],
    documentation,
    fixedAnswers: fixedAnswers(version),
    rest: {
      json: { names: 'json', unset: 'null', int64: 'number', timestamp: 'milliseconds' },
      unknownMembers: 'ignore',
      successStatus: {},
      renderProblem,
      envelope: unwrapComponents,
      headers: { GetCredential: { 'cache-control': 'no-store' }, RevealCredential: { 'cache-control': 'no-store' } },
    },
  };
}

const { method } = CredentialService;

/** Some components have no parameters. */
const componentRules = { mayBeEmpty: true } as const;

function showingRpcs(vault: CredentialVault): BoundRpc[] {
  return [
    workspaceListRpc(
      method.listCredentials,
      { permission: 'credentials.read' },
      {
        chunks: ({ credentialName }, call) => listCredentials(vault, call, credentialName),
        answer: (credentials) => ({ credentials: [...credentials] }),
      },
    ),
    workspaceRpc(method.getCredential, { permission: 'credentials.read' }, async ({ credentialId }, call) => ({
      credential: mapping.detailOf(await vault.describeSecret(call, credentialId, isPlain)),
    })),
    workspaceRpc(method.revealCredential, { permission: 'secrets.reveal' }, async ({ credentialId }, call) =>
      mapping.revealedOf(await vault.revealSecret(call, credentialId)),
    ),
  ];
}

function changingRpcs(vault: CredentialVault): BoundRpc[] {
  const writing = { permission: 'credentials.write' } as const;
  return [
    workspaceRpc(method.createCredential, { ...writing, credential: ({ id }) => id }, async (request, call) => {
      const { draft, secret, merge } = mapping.draftFromRequest(request);
      const { id } = request;
      if (id === undefined) {
        return {
          credential: mapping.createdToEntity(await vault.createSealedCredential(call, draft, secret, componentRules)),
        };
      }
      const stored = await vault.createOrReplaceCredential(call, { id, draft, secret, merge, ...componentRules });
      return { credential: mapping.changedToEntity(stored, call) };
    }),
    workspaceRpc(method.updateCredential, writing, async (request, call) => {
      const { change, secret } = mapping.changeFromRequest(request);
      const updated = await vault.updateSealedCredential(call, request.credentialId, change, { secret });
      return { credential: mapping.changedToEntity(updated, call) };
    }),
    workspaceRpc(method.deleteCredential, writing, async ({ credentialId }, call) => ({
      affected: await deleteCredential(vault, call, credentialId),
    })),
  ];
}

function componentRpcs(vault: CredentialVault): BoundRpc[] {
  const { getComponentCredential, listComponentCredentials } = ComponentCredentialService.method;
  return [
    authenticatedRpc(listComponentCredentials, async () => ({ componentCredentials: providers.map(componentOf) })),
    authenticatedRpc(getComponentCredential, async ({ name }, call) => {
      if (!name.includes(separator)) return { componentCredential: await describeComponent(vault, call, name) };
      return { componentCredentials: await describeComponents(vault, call, name.split(separator)) };
    }),
  ];
}

async function describeComponents(vault: CredentialVault, call: Call, names: readonly string[]) {
  const wanted = names.filter((name) => name !== '');
  if (wanted.length > componentsMax) throw invalidArgument('name', `must be at most ${componentsMax} names`);
  return Promise.all(wanted.map((name) => describeComponent(vault, call, name)));
}

/** A provider without a component has one of its name as soon as the workspace has credentials of it; `custom` always has. */
async function describeComponent(vault: CredentialVault, call: Call, name: string) {
  const provider = findProvider(name);
  if (provider && !isFreeForm(name)) return componentOf(provider);
  const fieldNames = name.includes('\0') ? new Set<string>() : await vault.describeFields(call, name);
  if (!provider && fieldNames.size === 0) throw notFound('component', name);
  return freeFormComponentOf(name, fieldNames);
}

async function* listCredentials(vault: CredentialVault, call: Call, credentialNames: readonly string[]) {
  const budget = answerBudgetOf(call, CredentialSummarySchema);
  const spellings = mapping.providersFor(credentialNames);
  const walk = { order: 'ascending', ...(spellings && { providers: spellings }) } as const;
  for await (const chunk of vault.walkCredentials(call, walk)) {
    yield chunk
      .filter((credential) => !spellings || mapping.isFor(credentialNames, credential))
      .map((credential) => budget.spend(mapping.summaryOf(credential)));
  }
}

/** Answers how many were deleted, since Flowise takes one that is absent for none. */
async function deleteCredential(vault: CredentialVault, call: Call, id: string): Promise<number> {
  try {
    await vault.deleteCredential(call, id);
    return 1;
  } catch (error) {
    if (error instanceof VaultError && error.code === 'not_found') return 0;
    throw error;
  }
}
