import type { AuditEvent } from '../vault/audit-event.ts';
import { insertInto, type Fragment } from './statement.ts';

/** Adds an event to the trail; the statement to put last into what a transaction writes. */
export function insertAuditEvent(event: AuditEvent): Fragment {
  return insertInto('audit_event', {
    id: event.id,
    time: event.time,
    workspaceId: event.workspaceId,
    actorKind: event.actorKind,
    actorId: event.actorId,
    actorName: event.actorName,
    authentication: event.authentication,
    action: event.action,
    resourceKind: event.resourceKind,
    resourceId: event.resourceId,
    outcome: event.outcome,
    protocol: event.protocol,
    dialect: event.dialect,
    peer: event.peer,
    requestId: event.requestId,
  });
}
