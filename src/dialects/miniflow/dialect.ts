import {
  CredentialService,
  CredentialSummarySchema,
  type GetCredentialRequest,
} from '../../../gen/miniflow/v1/credential_service_pb.ts';
import { workspaceMutation } from '../../gateway/contract/bound-mutation.ts';
import { workspaceListRpc, workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { Dialect, RestStyle } from '../../gateway/contract/dialect.ts';
import { quote } from '../../gateway/errors/refusal-limits.ts';
import type { Call } from '../../vault/caller.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import { formatShortId } from '../../vault/ids.ts';
import type { MutationCall } from '../../vault/requests/mutation-call.ts';
import { answerBudgetOf } from '../shared/answer-budget.ts';
import { authTypeMappings } from '../shared/auth-type-mapping.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { withNameConflictMessage } from '../shared/errors.ts';
import { documentation } from './documentation.ts';
import { wrapSuccess } from './envelope.ts';
import { checkWorkspaceSpelling, renderProblem } from './errors.ts';
import * as mapping from './mapping.ts';

/** The API of MiniFlow. @see seed 004 */
export function miniflowDialect(parts: DialectParts): Dialect {
  return {
    name: 'miniflow',
    rpcs: [...creatingRpcs(parts), ...readingRpcs(parts), ...changingRpcs(parts)],
    documentation,
    rest,
    checkWorkspaceSpelling,
  };
}

const rest: RestStyle = {
  json: { names: 'proto', unset: 'null', int64: 'number', timestamp: 'rfc3339' },
  unknownMembers: 'ignore',
  successStatus: {},
  envelope: wrapSuccess,
  renderProblem,
  headers: { GetCredential: { 'cache-control': 'no-store' } },
};

const { method } = CredentialService;

interface InWorkspace {
  readonly workspaceId: string;
}

const workspace = (request: InWorkspace) => request.workspaceId;
const reading = { permission: 'credentials.read', workspace } as const;
const writing = { permission: 'credentials.write', workspace } as const;

const creationAnswer = ({ id }: Credential) => ({ id: formatShortId('credential', id) });
const activationAnswer = ({ isActive }: Credential) => ({ success: true, isActive });

function creatingRpcs({ vault }: DialectParts): BoundRpc[] {
  const create = async (
    request: InWorkspace,
    call: MutationCall<Credential>,
    { draft, secret }: mapping.MiniflowDraft,
  ): Promise<Credential> =>
    withNameConflictMessage(nameConflictMessage(draft.name, request), vault.createCredential(call, draft, secret));
  return [
    workspaceMutation(method.createApiKeyCredential, writing, {
      answer: creationAnswer,
      run: async (request, call) => create(request, call, mapping.draftFromApiKeyRequest(request)),
    }),
    workspaceMutation(method.createSlackCredential, writing, {
      answer: creationAnswer,
      run: async (request, call) => create(request, call, mapping.draftFromSlackRequest(request)),
    }),
  ];
}

function readingRpcs({ vault }: DialectParts): BoundRpc[] {
  return [
    workspaceRpc(method.getCredential, reading, async (request, call) => ({
      credential: await showCredential(vault, request, call),
    })),
    workspaceListRpc(method.listCredentials, reading, {
      chunks: ({ credentialType }, call) => listCredentials(vault, credentialType, call),
      answer: (credentials, call, count) => ({
        workspaceId: formatShortId('workspace', call.workspaceId),
        credentials: [...credentials],
        count,
      }),
    }),
  ];
}

function changingRpcs({ vault }: DialectParts): BoundRpc[] {
  return [
    workspaceMutation(method.updateCredential, writing, {
      answer: (credential: Credential) => ({ credential: mapping.credentialToMessage(credential) }),
      run: async (request, call) => {
        const change = mapping.changeFromRequest(request);
        const update = vault.updateCredential(call, request.credentialId, change);
        return withNameConflictMessage(nameConflictMessage(change.name ?? '', request), update);
      },
    }),
    workspaceMutation(method.activateCredential, writing, {
      answer: activationAnswer,
      run: (request, call) => vault.activateCredential(call, request.credentialId),
    }),
    workspaceMutation(method.deactivateCredential, writing, {
      answer: activationAnswer,
      run: (request, call) => vault.deactivateCredential(call, request.credentialId),
    }),
    workspaceMutation(method.deleteCredential, writing, {
      answer: ({ id }: Credential) => ({ success: true, deletedId: formatShortId('credential', id) }),
      run: (request, call) => vault.deleteCredential(call, request.credentialId),
    }),
  ];
}

async function showCredential(vault: CredentialVault, request: GetCredentialRequest, call: Call) {
  if (request.includeSecret !== true)
    return mapping.detailToMessage(await vault.describeCredential(call, request.credentialId));
  const { credential, secret } = await vault.revealSecret(call, request.credentialId);
  return mapping.detailToMessage(credential, secret);
}

async function* listCredentials(vault: CredentialVault, wanted: string | undefined, call: Call) {
  const budget = answerBudgetOf(call, CredentialSummarySchema);
  const filter = wanted ? authTypeMappings.miniflow.filterOf(wanted.toUpperCase()) : {};
  for await (const chunk of vault.walkCredentials(call, { ...filter, order: 'ascending' })) {
    yield chunk.map((credential) => budget.spend(mapping.summaryToMessage(credential)));
  }
}

function nameConflictMessage(name: string, request: InWorkspace): string {
  return `Credential with name '${quote(name)}' already exists in workspace ${request.workspaceId}`;
}
