import { defineEntity, p } from '@mikro-orm/postgresql';
import type { AuditAction, AuditEvent, AuditOutcome } from '../../vault/audit/audit-event.ts';
import type { LedgerKind } from '../../vault/audit/audit-chain.ts';

/**
 * One event of the audit trail, at its position in a stream. It has no foreign keys, and none refer to it, since it outlives
 * what it records.
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
    purpose: p.text().nullable(),
    version: p.integer().nullable(),
    field: p.text().nullable(),
    permission: p.text().nullable(),
    relatedId: p.text().nullable(),
    days: p.integer().nullable(),
    formerScope: p.text().nullable(),
  },
});

/** The list of the trail's streams, so that none can disappear unnoticed. Rows are only added. */
export const AuditLedgerEntity = defineEntity({
  name: 'AuditLedger',
  tableName: 'audit_ledger',
  indexes: [{ name: 'audit_ledger_loss_index', properties: ['number'], where: `kind in ('loss', 'acknowledge')` }],
  properties: {
    number: p.bigint('number').primary().autoincrement(false),
    kind: p.enum(['begin', 'prune', 'sign', 'format', 'loss', 'acknowledge'] satisfies LedgerKind[]).columnType('text'),
    stream: p.uuid(),
    time: p.datetime(3),
    heads: p.text(),
    mac: p.blob(),
  },
});
