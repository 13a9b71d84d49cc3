import { SecretService } from '../../../gen/coffer/v1/secret_service_pb.ts';
import type { Dialect } from '../../gateway/contract/dialect.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { accessServiceRpcs } from './access-service.ts';
import { auditServiceRpcs, auditServiceStreams } from './audit-service.ts';
import { batchRpcs } from './batch-rpcs.ts';
import { credentialServiceRpcs, eventServiceStreams } from './credential-service.ts';
import { documentation } from './documentation.ts';
import { renderProblem } from './errors.ts';
import { leakRpc } from './leak-rpc.ts';
import { transferRpcs } from './transfer-rpcs.ts';
import { keyServiceRpcs } from './key-service.ts';
import { workspaceServiceRpcs } from './workspace-service.ts';

const noStore = { 'cache-control': 'no-store' } as const;
const secretHeaders = Object.fromEntries(SecretService.methods.map(({ name }) => [name, noStore]));

/** The native API, `coffer.v1`: the one dialect that exposes everything that the vault offers. */
export function cofferDialect(parts: DialectParts): Dialect {
  return {
    name: 'coffer',
    rpcs: [
      ...credentialServiceRpcs(parts),
      ...batchRpcs(parts),
      ...transferRpcs(parts),
      leakRpc(parts),
      ...workspaceServiceRpcs(parts),
      ...accessServiceRpcs(parts),
      ...auditServiceRpcs(parts.trail),
      ...keyServiceRpcs(parts),
    ],
    streams: [...eventServiceStreams(parts.watch), ...auditServiceStreams(parts.trail)],
    documentation,
    rest: {
      json: { names: 'proto', unset: 'omit', int64: 'string', timestamp: 'rfc3339' },
      unknownMembers: 'refuse',
      successStatus: {},
      renderProblem,
      fieldsByHeader: { 'if-match': 'etag', 'last-event-id': 'resume_token' },
      fieldsNotInQuery: ['resume_token'],
      etagField: 'credential.etag',
      headers: { ...secretHeaders, CreateApiKey: noStore, Login: noStore },
    },
  };
}
