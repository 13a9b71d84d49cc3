import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { KeyService } from '../../../gen/coffer/v1/key_service_pb.ts';
import { ownerMutation } from '../../gateway/contract/bound-mutation.ts';
import { ownerRpc, publicRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { RotatedMaster } from '../../vault/workspaces/ports.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';

/** The rpcs of `coffer.v1.KeyService`: the keys of the instance. */
export function keyServiceRpcs({ keys, unsealing }: DialectParts): BoundRpc[] {
  return [
    ownerMutation(
      KeyService.method.rotateMasterKey,
      { permission: 'keys.manage' },
      {
        isLookedUpFirst: true,
        answer: ({ fingerprint, rotatedAt, workspaceKeys }: RotatedMaster) => ({
          masterKey: { fingerprint, rotatedAt: timestampFromDate(rotatedAt) },
          workspaceKeyCount: workspaceKeys,
        }),
        run: (_request, call) => keys.rotateMasterKey(call),
      },
    ),
    publicRpc(KeyService.method.unseal, (request, call) => unsealing.unseal(call, request), { whileSealed: true }),
    // Without a request id: no one could repeat the request while the vault is sealed.
    ownerRpc(KeyService.method.seal, { permission: 'keys.manage' }, async (_request, call) => {
      await keys.seal(call);
      return { sealed: true };
    }),
  ];
}
