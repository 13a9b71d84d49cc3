import { CredentialService } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { workspaceMutation } from '../../gateway/contract/bound-mutation.ts';
import type { BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { credentialToMessage } from './mapping.ts';
import { etagsOf, inWorkspace } from './requests.ts';

/** The rpcs by which credentials are copied and moved to other workspaces. The vault authorizes the call at the destination. */
export function transferRpcs({ transfers, clock }: DialectParts): BoundRpc[] {
  const { copyCredential, moveCredential } = CredentialService.method;
  const answer = (credential: Credential) => ({ credential: credentialToMessage(credential, clock.now()) });
  return [
    workspaceMutation(copyCredential, inWorkspace('secrets.reveal'), {
      answer,
      run: ({ credentialId, destinationWorkspaceId, name }, call) =>
        transfers.copyCredential(call, credentialId, { destinationWorkspaceId, name: name || undefined }),
    }),
    workspaceMutation(moveCredential, inWorkspace('credentials.write'), {
      answer,
      run: (request, call) => {
        const { credentialId, destinationWorkspaceId, name } = request;
        const transfer = { destinationWorkspaceId, name: name || undefined, etags: etagsOf(request) };
        return transfers.moveCredential(call, credentialId, transfer);
      },
    }),
  ];
}
