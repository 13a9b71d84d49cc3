import { CredentialService } from '../../../gen/scale/v5/credential_service_pb.ts';
import type { Dialect } from '../../gateway/dialect.ts';
import { workspaceRpc } from '../../gateway/rpc.ts';
import type { CredentialVault } from '../../vault/credential-vault.ts';
import { sayTakenName } from '../say-taken-name.ts';
import { renderScaleProblem } from './errors.ts';
import { credentialOf, draftOf, scaleName, secretOf } from './mapping.ts';

/** What the dialect works with. */
export interface ScaleParts {
  readonly vault: CredentialVault;
}

/** The API of Scale's generative AI platform, EGP API V5. @see seed 003 */
export function scaleDialect({ vault }: ScaleParts): Dialect {
  const { createCredential } = CredentialService.method;
  return {
    name: scaleName,
    rpcs: [
      workspaceRpc(createCredential, { permission: 'credentials.write' }, async (request, call) => {
        const draft = draftOf(request);
        const creation = vault.createCredential(call, draft, secretOf(request));
        return { credential: credentialOf(await sayTakenName(takenName(draft.name), creation)) };
      }),
    ],
    rest: {
      json: { names: 'proto', unset: 'null', int64: 'number', timestamp: 'rfc3339' },
      unknownMembers: 'ignore',
      successStatus: {},
      renderProblem: renderScaleProblem,
    },
    workspaceHeader: 'x-selected-account-id',
  };
}

function takenName(name: string): string {
  return `Credential with name '${name}' already exists`;
}
