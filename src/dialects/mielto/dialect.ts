import { CredentialService } from '../../../gen/mielto/v1/credential_service_pb.ts';
import type { Dialect } from '../../gateway/dialect.ts';
import { workspaceRpc } from '../../gateway/rpc.ts';
import type { CredentialVault } from '../../vault/credential-vault.ts';
import type { Clock } from '../../vault/ports.ts';
import { renderMieltoProblem } from './errors.ts';
import { draftOf, mieltoName, readOf, secretOf } from './mapping.ts';

/** What the dialect works with. */
export interface MieltoParts {
  readonly vault: CredentialVault;
  /** Whether a credential has expired is shown as its status. */
  readonly clock: Clock;
}

/** The API of Mielto. @see seed 002 */
export function mieltoDialect({ vault, clock }: MieltoParts): Dialect {
  const { createCredential } = CredentialService.method;
  return {
    name: mieltoName,
    rpcs: [
      workspaceRpc(createCredential, { permission: 'credentials.write' }, async (request, call) => {
        const credential = await vault.createCredential(call, draftOf(request), secretOf(request));
        return { credential: readOf(credential, clock.now()) };
      }),
    ],
    rest: {
      json: { names: 'proto', unset: 'null', int64: 'number', timestamp: 'rfc3339' },
      unknownMembers: 'ignore',
      successStatus: {},
      renderProblem: renderMieltoProblem,
    },
    workspaceHeader: 'x-workspace-id',
  };
}
