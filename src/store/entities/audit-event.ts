import { defineEntity, p } from '@mikro-orm/postgresql';
import type { AuditAction, AuditEvent, AuditOutcome } from '../../vault/audit-event.ts';

/**
 * One line of the audit trail. Nothing refers to it and it refers to nothing by foreign key, since it outlives what it
 * tells of. The chain's columns (stream, seq, prev, mac) are to stand here, in front of the event's own.
 */
export const AuditEventEntity = defineEntity({
  name: 'AuditEvent',
  tableName: 'audit_event',
  properties: {
    id: p.uuid().primary(),
    time: p.datetime(3),
    workspaceId: p.uuid().nullable(),
    actorKind: p.text().$type<AuditEvent['actorKind']>(),
    actorId: p.text().nullable(),
    actorName: p.text(),
    authentication: p.text().$type<AuditEvent['authentication']>(),
    action: p.text().$type<AuditAction>(),
    resourceKind: p.text(),
    resourceId: p.text().nullable(),
    outcome: p.text().$type<AuditOutcome>(),
    protocol: p.text(),
    dialect: p.text(),
    peer: p.text(),
    requestId: p.text(),
  },
});
