import { CredentialService } from '../../../gen/flowise/v1/credential_service_pb.ts';
import type { Dialect } from '../../gateway/dialect.ts';
import { workspaceRpc } from '../../gateway/rpc.ts';
import type { CredentialVault } from '../../vault/credential-vault.ts';
import { renderProblem } from './errors.ts';
import { draftFromRequest, sealedToEntity } from './mapping.ts';

/** Flowise's credentials API. @see seed 000 */
export function flowiseDialect({ vault }: { readonly vault: CredentialVault }): Dialect {
  return {
    name: 'flowise',
    rpcs: [
      workspaceRpc(
        CredentialService.method.createCredential,
        { permission: 'credentials.write' },
        async (request, call) => {
          const { draft, secret } = draftFromRequest(request);
          return { credential: sealedToEntity(await vault.createSealedCredential(call, draft, secret)) };
        },
      ),
    ],
    rest: {
      json: { names: 'json', unset: 'null', int64: 'number', timestamp: 'milliseconds' },
      unknownMembers: 'ignore',
      successStatus: {},
      renderProblem,
    },
  };
}
