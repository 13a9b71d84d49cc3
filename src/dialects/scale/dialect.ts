import { CredentialService, type ListCredentialsRequest } from '../../../gen/scale/v5/credential_service_pb.ts';
import { workspaceMutation } from '../../gateway/contract/bound-mutation.ts';
import { workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { Dialect } from '../../gateway/contract/dialect.ts';
import { quote } from '../../gateway/errors/refusal-limits.ts';
import type { Call } from '../../vault/caller.ts';
import type { RevealedSecret } from '../../vault/credentials/reveal-decisions.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { withNameConflictMessage } from '../shared/errors.ts';
import { documentation } from './documentation.ts';
import { renderProblem } from './errors.ts';
import * as mapping from './mapping.ts';
import { payloadOf, secretChangeFromPayload, secretFromPayload } from './secrets.ts';

/** The API of Scale's generative AI platform, EGP API V5. @see seed 003 */
export function scaleDialect(parts: DialectParts): Dialect {
  return {
    name: mapping.dialectName,
    rpcs: [...writingRpcs(parts), ...readingRpcs(parts), ...revealingRpcs(parts)],
    documentation,
    rest: {
      json: { names: 'proto', unset: 'null', int64: 'number', timestamp: 'rfc3339' },
      unknownMembers: 'ignore',
      successStatus: {},
      renderProblem,
      headers: { GetSecret: noStore, GetSecretByName: noStore },
    },
    workspaceHeader: 'x-selected-account-id',
  };
}

const { method } = CredentialService;
const reading = { permission: 'credentials.read' } as const;
const writing = { permission: 'credentials.write' } as const;
const revealing = { permission: 'secrets.reveal' } as const;
const noStore = { 'cache-control': 'no-store' } as const;

const byName = ({ name }: { readonly name: string }) => name;

const credentialAnswer = (credential: Credential) => ({ credential: mapping.credentialToMessage(credential) });

function writingRpcs({ vault }: DialectParts): BoundRpc[] {
  return [
    workspaceMutation(method.createCredential, writing, {
      answer: credentialAnswer,
      run: async (request, call) => {
        const draft = mapping.draftFromRequest(request);
        const creation = vault.createCredential(call, draft, secretFromPayload(request.payload ?? ''));
        return withNameConflictMessage(nameConflictMessage(draft.name), creation);
      },
    }),
    workspaceMutation(method.updateCredential, writing, {
      answer: credentialAnswer,
      run: async (request, call) => {
        const { credentialId, name = '', payload } = request;
        const secret = payload === undefined ? undefined : secretChangeFromPayload(payload);
        const change = (current: Credential) => mapping.changeFromRequest(request, current);
        const update = vault.updateCredential(call, credentialId, change, { secret });
        return withNameConflictMessage(nameConflictMessage(name), update);
      },
    }),
    workspaceMutation(method.deleteCredential, writing, {
      answer: ({ id }: Credential) => ({ id, deleted: true, object: 'credential.deleted' }),
      run: ({ credentialId }, call) => vault.deleteCredential(call, credentialId),
    }),
  ];
}

function readingRpcs({ vault }: DialectParts): BoundRpc[] {
  return [
    workspaceRpc(method.getCredential, reading, async ({ credentialId }, call) => ({
      credential: mapping.credentialToMessage(await vault.describeCredential(call, credentialId)),
    })),
    workspaceRpc(method.getCredentialByName, { ...reading, credential: byName }, async ({ name }, call) => ({
      credential: mapping.credentialToMessage(await vault.describeByName(call, name)),
    })),
    workspaceRpc(method.listCredentials, reading, async (request, call) => listCredentials(vault, request, call)),
  ];
}

function revealingRpcs({ vault }: DialectParts): BoundRpc[] {
  return [
    workspaceRpc(method.getSecret, revealing, async ({ credentialId }, call) =>
      revealedToMessage(await vault.revealSecret(call, credentialId)),
    ),
    workspaceRpc(method.getSecretByName, { ...revealing, credential: byName }, async ({ name }, call) =>
      revealedToMessage(await vault.revealByName(call, name)),
    ),
  ];
}

function revealedToMessage({ secret }: RevealedSecret) {
  return { result: payloadOf(secret), object: 'credential.secret' };
}

async function listCredentials(vault: CredentialVault, request: ListCredentialsRequest, call: Call) {
  const page = mapping.pageFromRequest(request);
  const [{ credentials, hasMore }, total] = await Promise.all([
    vault.pageCredentials(call, page),
    vault.countCredentials(call, mapping.filterFromRequest(request)),
  ]);
  return { object: 'list', items: credentials.map(mapping.credentialToMessage), hasMore, total, limit: page.size };
}

function nameConflictMessage(name: string): string {
  return `Credential with name '${quote(name)}' already exists`;
}
