import { AuthService } from '../../../gen/fishnet/v1/auth_service_pb.ts';
import { CredentialSchema, CredentialService } from '../../../gen/fishnet/v1/credential_service_pb.ts';
import { workspaceMutation } from '../../gateway/contract/bound-mutation.ts';
import { authenticatedRpc, publicRpc, workspaceListRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { Dialect } from '../../gateway/contract/dialect.ts';
import type { Call } from '../../vault/caller.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import type { Login } from '../../vault/identity/login.ts';
import { answerBudgetOf } from '../shared/answer-budget.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { toTimestamp } from '../shared/well-known-types.ts';
import { documentation } from './documentation.ts';
import { renderProblem } from './errors.ts';
import { credentialToMessage, draftFromRequest } from './mapping.ts';

/** Fishnet's credentials API, and the login that issues the tokens of its clients. @see seed 001 */
export function fishnetDialect({ vault, login }: DialectParts): Dialect {
  return {
    name: 'fishnet',
    rpcs: [...credentialRpcs(vault), ...loginRpcs(login)],
    documentation,
    rest: {
      json: { names: 'proto', unset: 'null', int64: 'number', timestamp: 'rfc3339' },
      unknownMembers: 'ignore',
      successStatus: { CreateCredential: 201 },
      renderProblem,
      headers: { Login: noStore },
    },
  };
}

const reading = { permission: 'credentials.read' } as const;
const writing = { permission: 'credentials.write' } as const;
const noStore = { 'cache-control': 'no-store' } as const;

function credentialRpcs(vault: CredentialVault): BoundRpc[] {
  const { createCredential, deleteCredential, listCredentials } = CredentialService.method;
  return [
    workspaceMutation(createCredential, writing, {
      answer: (credential: Credential) => ({ credential: credentialToMessage(credential) }),
      run: async (request, call) => {
        const { draft, secret } = draftFromRequest(request);
        return vault.createCredential(call, draft, secret);
      },
    }),
    workspaceListRpc(listCredentials, reading, {
      chunks: (_, call) => listNewestFirst(vault, call),
      answer: (credentials) => ({ credentials: [...credentials] }),
    }),
    workspaceMutation(deleteCredential, writing, {
      answer: ({ deletedAt }: Credential) => ({ deleted: deletedAt !== null }),
      run: ({ credentialId }, call) => vault.deleteCredential(call, credentialId),
    }),
  ];
}

async function* listNewestFirst(vault: CredentialVault, call: Call) {
  const budget = answerBudgetOf(call, CredentialSchema);
  for await (const chunk of vault.walkCredentials(call, { order: 'descending' })) {
    yield chunk.map((credential) => budget.spend(credentialToMessage(credential)));
  }
}

function loginRpcs(login: Login): BoundRpc[] {
  const { getStatus, setUp, login: logIn, logout } = AuthService.method;
  return [
    publicRpc(getStatus, async (_, { caller }) => ({
      initialized: await login.isSetUp(),
      authenticated: caller !== undefined,
    })),
    publicRpc(setUp, async ({ password, confirm }, call) => {
      await login.setUp(call, password, confirm);
      return { success: true, message: 'password configured successfully' };
    }),
    publicRpc(logIn, async ({ password }, call) => {
      const { token, expiresAt } = await login.login(call, password);
      return { token, expiresAt: toTimestamp(expiresAt) };
    }),
    authenticatedRpc(logout, async (_, call) => {
      await login.logout(call);
      return { success: true };
    }),
  ];
}
