import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { KeyService } from '../../../gen/coffer/v1/key_service_pb.ts';
import { ownerMutation } from '../../gateway/contract/bound-mutation.ts';
import { ownerRpc, publicRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { RotatedMaster } from '../../vault/workspaces/ports.ts';
import type { StartedRotation } from '../../vault/workspaces/rotation-ports.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { formatKeyPageToken, keyStatusToMessage, parseKeyPageToken, workspaceKeyToMessage } from './key-mapping.ts';
import { pageSizeOf } from './pages.ts';

/** The rpcs of `coffer.v1.KeyService`: the keys of the instance. */
export function keyServiceRpcs({ clock, keys, unsealing }: DialectParts): BoundRpc[] {
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
    ownerMutation(
      KeyService.method.rotateWorkspaceKey,
      { permission: 'keys.manage' },
      {
        isLookedUpFirst: true,
        answer: ({ key }: StartedRotation) => ({ key: workspaceKeyToMessage(key) }),
        run: ({ workspaceId }, call) => keys.rotateWorkspaceKey(call, workspaceId),
      },
    ),
    ownerRpc(KeyService.method.getKeyStatus, { permission: 'keys.manage' }, async (request, call) => {
      const size = pageSizeOf(request);
      const after = parseKeyPageToken(request.pageToken);
      // One more shows whether another page follows.
      const status = await keys.describeKeys(call, request.workspaceId, { after, size: size + 1 });
      const page = status.keys.slice(0, size);
      const last = page.at(-1);
      return {
        ...keyStatusToMessage(status, clock.now()),
        keys: page.map(workspaceKeyToMessage),
        nextPageToken: status.keys.length > size && last ? formatKeyPageToken(last) : '',
      };
    }),
    publicRpc(KeyService.method.unseal, (request, call) => unsealing.unseal(call, request), { whileSealed: true }),
    // Without a request id: no one could repeat the request while the vault is sealed.
    ownerRpc(KeyService.method.seal, { permission: 'keys.manage' }, async (_request, call) => {
      await keys.seal(call);
      return { sealed: true };
    }),
  ];
}
