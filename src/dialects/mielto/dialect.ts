import type { MessageInitShape } from '@bufbuild/protobuf';
import { CredentialReadSchema, CredentialService } from '../../../gen/mielto/v1/credential_service_pb.ts';
import { workspaceMutation } from '../../gateway/contract/bound-mutation.ts';
import { workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { Dialect } from '../../gateway/contract/dialect.ts';
import type { Call } from '../../vault/caller.ts';
import type { CredentialPage } from '../../vault/credentials/credential-reader.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import { answerBudgetOf } from '../shared/answer-budget.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { documentation } from './documentation.ts';
import { renderProblem } from './errors.ts';
import * as mapping from './mapping.ts';

/** The API of Mielto. @see seed 002 */
export function mieltoDialect(parts: DialectParts): Dialect {
  return {
    name: mapping.dialectName,
    rpcs: [...readingRpcs(parts), ...writingRpcs(parts)],
    documentation,
    rest: {
      json: { names: 'proto', unset: 'null', int64: 'number', timestamp: 'rfc3339' },
      unknownMembers: 'ignore',
      successStatus: {},
      renderProblem,
    },
    workspaceHeader: 'x-workspace-id',
  };
}

const { method } = CredentialService;
const reading = { permission: 'credentials.read' } as const;
const writing = { permission: 'credentials.write' } as const;
/** The most rows in memory besides the answer. */
const rowsAtATime = 256;

function readingRpcs(parts: DialectParts): BoundRpc[] {
  const { vault, clock } = parts;
  return [
    workspaceRpc(method.getCredential, reading, async ({ credentialId }, call) => ({
      credential: mapping.credentialToMessage(await vault.describeCredential(call, credentialId), clock.now()),
    })),
    workspaceRpc(method.listCredentials, reading, async (request, call) => {
      const filter = mapping.filterFromRequest(request);
      const { skip, limit, page } = mapping.rangeFromRequest(request);
      const [credentials, total] = await Promise.all([
        readRange(parts, call, { ...filter, order: 'ascending', skip, size: limit }),
        vault.countCredentials(call, filter),
      ]);
      return { credentials, total, page, size: limit };
    }),
  ];
}

type Range = CredentialPage & { readonly skip: number };

/** Reads in parts, so that a list that is too large for one answer is refused before all of it is read. */
async function readRange({ vault, clock }: DialectParts, call: Call, { skip, ...page }: Range) {
  const budget = answerBudgetOf(call, CredentialReadSchema, (fitting) => `ask for a limit of at most ${fitting}`);
  const now = clock.now();
  const shown: MessageInitShape<typeof CredentialReadSchema>[] = [];
  for (let after: string | undefined; ;) {
    const size = Math.min(page.size - shown.length, rowsAtATime);
    const start = after === undefined ? { skip } : { after };
    const found = await vault.listCredentials(call, { ...page, ...start, size });
    for (const entry of found.map((credential) => mapping.credentialToMessage(credential, now))) {
      budget.spend(entry);
      shown.push(entry);
    }
    if (found.length < size || shown.length === page.size) return shown;
    after = found.at(-1)?.id;
  }
}

function writingRpcs({ vault, clock }: DialectParts): BoundRpc[] {
  const answer = (credential: Credential) => ({ credential: mapping.credentialToMessage(credential, clock.now()) });
  return [
    workspaceMutation(method.createCredential, writing, {
      answer,
      run: async (request, call) =>
        vault.createCredential(call, mapping.draftFromRequest(request), mapping.secretFromRequest(request)),
    }),
    workspaceMutation(method.updateCredential, writing, {
      answer,
      run: async (request, call) => {
        const change = (current: Credential) => mapping.changeFromRequest(request, current);
        const secret = mapping.secretChangeFromRequest(request);
        return vault.updateCredential(call, request.credentialId, change, { secret });
      },
    }),
    workspaceMutation(method.deleteCredential, writing, {
      // The answer shows the credential as it was: Mielto documents no status for a deleted one.
      answer: (deleted: Credential) => answer({ ...deleted, deletedAt: null }),
      run: ({ credentialId }, call) => vault.deleteCredential(call, credentialId),
    }),
  ];
}
