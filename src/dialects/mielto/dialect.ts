import type { MessageInitShape } from '@bufbuild/protobuf';
import { CredentialReadSchema, CredentialService } from '../../../gen/mielto/v1/credential_service_pb.ts';
import type { Dialect } from '../../gateway/contract/dialect.ts';
import { workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { Call } from '../../vault/caller.ts';
import type { CredentialPage } from '../../vault/credentials/credential-reader.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import type { Clock } from '../../vault/time.ts';
import { answerBudgetOf } from '../shared/answer-budget.ts';
import { documentation } from './documentation.ts';
import { renderMieltoProblem } from './errors.ts';
import { filterOf, rangeOf } from './list-request.ts';
import { changeOf, draftOf, mieltoName, readOf, secretChangeOf, secretOf } from './mapping.ts';

/** What the dialect works with. */
export interface MieltoParts {
  readonly vault: CredentialVault;
  /** Whether a credential has expired is shown as its status. */
  readonly clock: Clock;
}

/** The API of Mielto. @see seed 002 */
export function mieltoDialect(parts: MieltoParts): Dialect {
  return {
    name: mieltoName,
    rpcs: [...showingRpcs(parts), ...changingRpcs(parts)],
    documentation,
    rest: {
      json: { names: 'proto', unset: 'null', int64: 'number', timestamp: 'rfc3339' },
      unknownMembers: 'ignore',
      successStatus: {},
      renderProblem: renderMieltoProblem,
    },
    workspaceHeader: 'x-workspace-id',
  };
}

const { method } = CredentialService;
const reading = { permission: 'credentials.read' } as const;
const writing = { permission: 'credentials.write' } as const;
/** How many rows are in memory beside those that are shown. */
const rowsAtATime = 256;

function showingRpcs(parts: MieltoParts): BoundRpc[] {
  const { vault, clock } = parts;
  return [
    workspaceRpc(method.getCredential, reading, async ({ credentialId }, call) => ({
      credential: readOf(await vault.describeCredential(call, credentialId), clock.now()),
    })),
    workspaceRpc(method.listCredentials, reading, async (request, call) => {
      const filter = filterOf(request);
      const { skip, limit, page } = rangeOf(request);
      const [credentials, total] = await Promise.all([
        readRange(parts, call, { ...filter, order: 'ascending', skip, size: limit }),
        vault.countCredentials(call, filter),
      ]);
      return { credentials, total, page, size: limit };
    }),
  ];
}

type Range = CredentialPage & { readonly skip: number };

/** Reads part by part, so that a list which is too large for one answer is refused before it has been read. */
async function readRange({ vault, clock }: MieltoParts, call: Call, { skip, ...page }: Range) {
  const budget = answerBudgetOf(call, CredentialReadSchema, (fitting) => `ask for a limit of at most ${fitting}`);
  const now = clock.now();
  const shown: MessageInitShape<typeof CredentialReadSchema>[] = [];
  for (let after: string | undefined; ;) {
    const size = Math.min(page.size - shown.length, rowsAtATime);
    const place = after === undefined ? { skip } : { after };
    const found = await vault.listCredentials(call, { ...page, ...place, size });
    for (const entry of found.map((credential) => readOf(credential, now))) {
      budget.spend(entry);
      shown.push(entry);
    }
    if (found.length < size || shown.length === page.size) return shown;
    after = found.at(-1)?.id;
  }
}

function changingRpcs({ vault, clock }: MieltoParts): BoundRpc[] {
  return [
    workspaceRpc(method.createCredential, writing, async (request, call) => ({
      credential: readOf(await vault.createCredential(call, draftOf(request), secretOf(request)), clock.now()),
    })),
    workspaceRpc(method.updateCredential, writing, async (request, call) => {
      const change = (current: Credential) => changeOf(request, current);
      const secret = secretChangeOf(request);
      const updated = await vault.updateCredential(call, request.credentialId, change, { secret });
      return { credential: readOf(updated, clock.now()) };
    }),
    workspaceRpc(method.deleteCredential, writing, async ({ credentialId }, call) => {
      // What is answered is the credential as it was: a status for what is gone is not documented.
      const deleted = await vault.deleteCredential(call, credentialId);
      return { credential: readOf({ ...deleted, deletedAt: null }, clock.now()) };
    }),
  ];
}
