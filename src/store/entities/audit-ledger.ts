import { defineEntity, p } from '@mikro-orm/postgresql';
import type { LedgerKind } from '../../vault/audit/audit-chain.ts';

/** What holds the streams of the trail together, so that none can go unnoticed. Only added to. */
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
