import { defineEntity, p } from '@mikro-orm/postgresql';
import { tenantRows } from './columns.ts';

/** Rows that have no effect any more, by the clock of the database. */
const isExpired = `created_at < (now() - '24:00:00'::interval)`;
const isDeleted = `exists (select 1 from workspace w where w.id = idempotency.workspace_id and w.deleted_at is not null)`;
const { policies: tenantPolicies, ...tenant } = tenantRows('idempotency');

/**
 * A request id that a caller has used, with the answer, for 24 hours. The workspace is the nil UUID for requests to the instance,
 * so that there is no foreign key. Carries a MAC, because a forged row would be returned as an answer.
 */
export const IdempotencyEntity = defineEntity({
  name: 'Idempotency',
  tableName: 'idempotency',
  ...tenant,
  policies: [
    ...tenantPolicies.filter(({ name }) => name === 'own_workspaces'),
    // Without an answer, a row is a claim of the same transaction. The workspace is looked up last, because the others are cheap.
    {
      name: 'deleted_workspaces',
      type: 'restrictive',
      command: 'delete',
      using: `answer is null or ${isExpired} or ${isDeleted}`,
    },
    // One statement sweeps the expired rows of all workspaces, and locks them before.
    { name: 'expired_rows', using: isExpired, check: isExpired },
  ],
  indexes: [{ name: 'idempotency_created_index', properties: ['createdAt'] }],
  properties: {
    workspaceId: p.uuid().primary(),
    // A keyed hash of the workspace, the caller and the id.
    key: p.blob().primary(),
    salt: p.blob(),
    // A keyed hash of the salt and the request.
    requestHash: p.blob(),
    // Null until the end of the transaction that claims the id.
    answer: p.blob().nullable(),
    createdAt: p.datetime(3),
    mac: p.blob().nullable(),
  },
});
