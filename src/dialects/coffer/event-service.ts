import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  CredentialEvent_Kind,
  EventService,
  type WatchCredentialsResponseSchema,
} from '../../../gen/coffer/v1/event_service_pb.ts';
import { workspaceStream, type BoundStream } from '../../gateway/contract/bound-rpc.ts';
import type { CredentialChangeKind, CredentialWatch, WatchNews } from '../../vault/credentials/credential-watch.ts';
import { toTimestamp } from '../shared/well-known-types.ts';
import { inWorkspace } from './in-workspace.ts';

const kinds: Record<CredentialChangeKind, CredentialEvent_Kind> = {
  CREATED: CredentialEvent_Kind.CREATED,
  UPDATED: CredentialEvent_Kind.UPDATED,
  SECRET_CHANGED: CredentialEvent_Kind.SECRET_CHANGED,
  ACTIVATED: CredentialEvent_Kind.ACTIVATED,
  DEACTIVATED: CredentialEvent_Kind.DEACTIVATED,
  DELETED: CredentialEvent_Kind.DELETED,
};

/** The rpcs of `coffer.v1.EventService`. */
export function eventServiceStreams(watch: CredentialWatch): BoundStream[] {
  const { watchCredentials } = EventService.method;
  return [
    workspaceStream(watchCredentials, inWorkspace('credentials.read'), async function* (request, call) {
      const { resumeToken } = request;
      const news = watch.watchCredentials(call, resumeToken === '' ? undefined : resumeToken);
      for await (const one of news) yield newsToMessage(one);
    }),
  ];
}

function newsToMessage({ change, resumeToken }: WatchNews): MessageInitShape<typeof WatchCredentialsResponseSchema> {
  if (!change) return { resumeToken };
  const { eventId: id, time, kind, credentialId } = change;
  return { resumeToken, event: { id, time: toTimestamp(time), kind: kinds[kind], credentialId } };
}
