import { SecretService } from '../../../gen/coffer/v1/secret_service_pb.ts';
import { workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { CredentialVault } from '../../vault/credentials/credential-vault.ts';
import { toStruct } from '../shared/well-known-types.ts';
import { inWorkspace } from './in-workspace.ts';

/** The rpcs of `coffer.v1.SecretService`. */
export function secretServiceRpcs(vault: CredentialVault): BoundRpc[] {
  return [
    workspaceRpc(SecretService.method.revealSecret, inWorkspace('secrets.reveal'), async ({ credentialId }, call) => {
      const { secret, version } = await vault.revealSecret(call, credentialId);
      return { secret: toStruct(secret.expose()), version };
    }),
  ];
}
