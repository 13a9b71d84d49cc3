import { defineEntity, p } from '@mikro-orm/postgresql';
import type { AuditAction, AuditEvent, AuditOutcome } from '../../vault/audit/audit-event.ts';

/**
 * One line of the audit trail, in its place in a stream. Nothing refers to it and it refers to nothing by foreign key, since
 * it outlives what it tells of.
 */
export const AuditEventEntity = defineEntity({
  name: 'AuditEvent',
  tableName: 'audit_event',
  indexes: [{ name: 'audit_event_list_index', properties: ['workspaceId', 'id'] }],
  properties: {
    stream: p.uuid().primary(),
    seq: p.bigint('number').primary().autoincrement(false),
    prev: p.blob(),
    mac: p.blob(),
    id: p.uuid(),
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
    count: p.integer(),
    resourceState: p.text().nullable(),
  },
});
