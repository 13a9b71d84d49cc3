import { expect } from 'chai';
import type { AuditEvent } from '../../../src/vault/audit/audit-event.ts';
import { columnOf } from '../../../src/store/postgres/statements/statement.ts';
import { newEvent, newId, openTestStores, type TestStores } from '../fixtures.ts';

describe('the audit store', () => {
  let test: TestStores;

  before(async () => {
    test = await openTestStores();
  });

  after(async () => {
    await test.close();
  });

  it('keeps every member of an event as it was', async () => {
    const event: AuditEvent = newEvent({
      workspaceId: newId(),
      actorKind: 'api_key',
      actorId: newId(),
      actorName: 'a name',
      authentication: 'api_key',
      action: 'secrets.reveal',
      resourceKind: 'credential',
      resourceId: newId(),
      outcome: 'FAILED',
      protocol: 'grpc',
      dialect: 'scale',
      peer: '127.0.0.1',
      requestId: 'request-1',
    });
    await test.stores.audit.append(event);
    const [row] = await test.asSuperuser('select * from audit_event where id = $1', [event.id]);
    const columns = Object.entries(event).map(([property, value]) => [columnOf(property), value]);
    expect(row).to.deep.include({ ...Object.fromEntries(columns), count: 1 });
  });
});
