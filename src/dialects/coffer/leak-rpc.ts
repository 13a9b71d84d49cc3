import { CredentialService } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { ownerMutation } from '../../gateway/contract/bound-mutation.ts';
import type { BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { LeakReport } from '../../vault/credentials/leak-vault.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';

/** The rpc by which owners report a leaked value. */
export function leakRpc({ leaks }: DialectParts): BoundRpc {
  const { reportLeak } = CredentialService.method;
  return ownerMutation(
    reportLeak,
    { permission: 'leaks.report' },
    {
      answer: ({ holders, nextPageToken }: LeakReport) => ({ deactivated: [...holders], nextPageToken }),
      run: ({ value, sha256, validateOnly, pageToken }, call) =>
        leaks.reportLeak(call, { value: value || undefined, sha256: sha256 || undefined, validateOnly, pageToken }),
    },
  );
}
