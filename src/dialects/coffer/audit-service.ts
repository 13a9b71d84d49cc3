import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  AuditEvent_Outcome,
  AuditService,
  VerifyAuditTrailResponse_Fault_Kind,
  type AuditEventSchema,
  type ListAuditEventsRequest,
  type ListInstanceEventsRequest,
  type StreamVerifyAuditTrailResponseSchema,
  type VerifyAuditTrailResponseSchema,
} from '../../../gen/coffer/v1/audit_service_pb.ts';
import {
  ownerRpc,
  ownerStream,
  workspaceRpc,
  type BoundRpc,
  type BoundStream,
} from '../../gateway/contract/bound-rpc.ts';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { AuditTrail } from '../../vault/audit/audit-trail.ts';
import type { AuditEventFilter } from '../../vault/audit/ports.ts';
import type { AcknowledgedLoss } from '../../vault/audit/trail-loss.ts';
import type { TrailFault, TrailVerification, VerificationItem } from '../../vault/audit/verification.ts';
import type { PageRange } from '../../vault/page.ts';
import { fromTimestamp, toTimestamp } from '../shared/well-known-types.ts';
import { readPage } from './pages.ts';
import { inWorkspace } from './requests.ts';

/** The rpcs of `coffer.v1.AuditService`. */
export function auditServiceRpcs(trail: AuditTrail): BoundRpc[] {
  const { listAuditEvents, listInstanceEvents, verifyAuditTrail } = AuditService.method;
  return [
    workspaceRpc(listAuditEvents, inWorkspace('audit.read'), async (request, call) =>
      readEventPage('audit_events', request, (filter) => trail.listAuditEvents(call, filter)),
    ),
    ownerRpc(listInstanceEvents, { permission: 'audit.verify' }, async (request, call) =>
      readEventPage('instance_events', request, (filter) => trail.listInstanceEvents(call, filter)),
    ),
    ownerRpc(verifyAuditTrail, { permission: 'audit.verify' }, async ({ expectedHeads }, call) =>
      verificationToMessage(await trail.verifyAuditTrail(call, new Map(Object.entries(expectedHeads)))),
    ),
  ];
}

/** The streams of `coffer.v1.AuditService`. */
export function auditServiceStreams(trail: AuditTrail): BoundStream[] {
  const { streamVerifyAuditTrail } = AuditService.method;
  return [
    ownerStream(
      streamVerifyAuditTrail,
      { permission: 'audit.verify' },
      {
        async *answer({ expectedHeads, verifiedHeads }, call) {
          const heads = {
            expected: new Map(Object.entries(expectedHeads)),
            verified: new Map(Object.entries(verifiedHeads)),
          };
          for await (const news of trail.streamVerifyAuditTrail(call, heads)) yield itemToMessage(news);
        },
        describeEvent: ({ news }) => ({ event: news.case ?? 'message' }),
      },
    ),
  ];
}

function itemToMessage(news: VerificationItem): MessageInitShape<typeof StreamVerifyAuditTrailResponseSchema> {
  switch (news.kind) {
    case 'progress':
      return { news: { case: 'progress', value: { done: BigInt(news.done), total: BigInt(news.total) } } };
    case 'fault':
      return { news: { case: 'fault', value: faultToMessage(news.fault) } };
    case 'result':
    default:
      return { news: { case: 'result', value: verificationToMessage(news.result) } };
  }
}

function faultToMessage(fault: TrailFault) {
  return { ...fault, kind: VerifyAuditTrailResponse_Fault_Kind[fault.kind], sequence: BigInt(fault.sequence) };
}

function lossToMessage({ kept, lost, stream, time }: AcknowledgedLoss) {
  const firstSequence = BigInt(kept?.sequence ?? 0) + 1n;
  return { stream, firstSequence, lastSequence: BigInt(lost.sequence), time: toTimestamp(time) };
}

type EventListRequest = ListAuditEventsRequest | ListInstanceEventsRequest;

async function readEventPage(
  list: string,
  request: EventListRequest,
  fetch: (filter: AuditEventFilter & PageRange) => Promise<readonly AuditEvent[]>,
) {
  const filter = filterFromRequest(request);
  const { items, nextPageToken } = await readPage(list, request, async (range) => fetch({ ...filter, ...range }));
  return { auditEvents: items.map(auditEventToMessage), nextPageToken };
}

function filterFromRequest(request: EventListRequest): AuditEventFilter {
  const { startTime, endTime, actorId, action, resourceId } = request;
  return {
    ...(startTime && { from: fromTimestamp('start_time', startTime) }),
    ...(endTime && { until: fromTimestamp('end_time', endTime) }),
    ...(actorId !== '' && { actorId }),
    ...(action !== '' && { action }),
    ...(resourceId !== '' && { resourceId }),
  };
}

function auditEventToMessage(event: AuditEvent): MessageInitShape<typeof AuditEventSchema> {
  const { id, authentication, action, resourceKind, protocol, dialect, peer, requestId } = event;
  return {
    id,
    authentication,
    action,
    resourceKind,
    protocol,
    dialect,
    peer,
    requestId,
    time: toTimestamp(event.time),
    workspaceId: event.workspaceId ?? '',
    actor: { kind: event.actorKind, id: event.actorId ?? '', name: event.actorName },
    resourceId: event.resourceId ?? '',
    outcome: AuditEvent_Outcome[event.outcome],
    count: event.count ?? 1,
    purpose: event.purpose ?? '',
    version: event.version ?? 0,
    field: event.field ?? '',
    permission: event.permission ?? '',
    relatedId: event.relatedId ?? '',
    days: event.days ?? 0,
  };
}

function verificationToMessage({
  intact,
  eventCount,
  heads,
  faults,
  acknowledgedLosses,
}: TrailVerification): MessageInitShape<typeof VerifyAuditTrailResponseSchema> {
  return {
    intact,
    eventCount: BigInt(eventCount),
    heads: Object.fromEntries(heads),
    faults: faults.map(faultToMessage),
    acknowledgedLosses: acknowledgedLosses.map(lossToMessage),
  };
}
