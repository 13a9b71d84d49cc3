import { MikroORM } from '@mikro-orm/postgresql';
import { expect } from 'chai';
import {
  deleteEvents,
  eventCriteria,
  findCut,
  findHeadsOfStreams,
  findLastEvent,
  readEvents,
} from '../../../src/store/trail/trail-statements.ts';
import { AuditEventEntity } from '../../../src/store/entities/audit.ts';
import { ormOptionsOf } from '../../../src/store/postgres/orm-options.ts';
import { EntityStatements } from '../../../src/store/postgres/statements/entity-query.ts';
import type { Statement } from '../../../src/store/postgres/statements/statement.ts';
import type { AuditEventRequest } from '../../../src/vault/audit/ports.ts';
import { createdAt, newEvent, newId, openTestStores, type TestStores } from '../fixtures.ts';

const rows = 20_000;

describe('the plans for the audit trail', () => {
  let test: TestStores;
  let orm: MikroORM;
  let stream: string;
  const workspaceId = newId();

  before(async () => {
    test = await openTestStores();
    orm = await MikroORM.init(ormOptionsOf(test.target.connection, test.log));
    await test.stores.audit.append(newEvent({ workspaceId }));
    await test.stores.audit.append(newEvent());
    stream = test.stores.auditHead()?.stream ?? '';
    const columns = `prev, mac, time, workspace_id, actor_kind, actor_id, actor_name, authentication, action, resource_kind,
      resource_id, outcome, protocol, dialect, peer, request_id, count`;
    await test.asSuperuser(
      `insert into audit_event (stream, seq, id, ${columns})
       select stream, 2 * n + seq, gen_random_uuid(), ${columns} from audit_event, generate_series(1, $1) as n`,
      [rows / 2],
    );
    await test.asSuperuser('analyze audit_event, audit_ledger');
  });

  after(async () => {
    await orm.close();
    await test.close();
  });

  /** The plan as the server's role has it. */
  async function planOf({ text, values }: Statement): Promise<string> {
    const statement = { name: '', text: `explain ${text}`, values };
    const lines = await test.database.query<{ 'QUERY PLAN': string }>(statement);
    return lines.map((line) => line['QUERY PLAN']).join('\n');
  }

  const list = (changes: Partial<AuditEventRequest> = {}) =>
    new EntityStatements(orm.em.fork()).select(AuditEventEntity, eventCriteria({ workspaceId, size: 100, ...changes }));

  const pages: [string, () => Statement][] = [
    ['the first page of a workspace', () => list()],
    ['a page behind an event', () => list({ after: newId() })],
    ['the first page of the instance', () => list({ workspaceId: null })],
    ['a page of the instance behind an event', () => list({ workspaceId: null, after: newId() })],
    ['the events of one action', () => list({ action: 'credentials.create' })],
    ['the events since a time', () => list({ from: createdAt })],
  ];
  for (const [title, statement] of pages) {
    it(`list ${title} off the index, without sorting`, async () => {
      const plan = await planOf(statement());
      expect(plan).to.include('audit_event_list_index').and.not.include('Sort').and.not.include('Seq Scan');
    });
  }

  const readings: [string, () => Statement][] = [
    ['the first events', () => readEvents(undefined, 1_000)],
    ['the events behind a place', () => readEvents({ stream, place: String(rows / 2) }, 1_000)],
    ['the last event of a stream', () => findLastEvent(stream)],
  ];
  for (const [title, statement] of readings) {
    it(`read ${title} in the order of the primary key, without sorting`, async () => {
      const plan = await planOf(statement());
      expect(plan).to.include('using audit_event_pkey').and.not.include('Sort').and.not.include('Seq Scan');
    });
  }

  it('find the heads of all streams by the primary key', async () => {
    const plan = await planOf(findHeadsOfStreams);
    expect(plan).to.include('using audit_event_pkey').and.not.include('Seq Scan on audit_event');
  });

  it('find what of a stream is to be pruned by the primary key', async () => {
    const plan = await planOf(findCut({ stream, end: rows, count: 1_000 }));
    expect(plan).to.include('using audit_event_pkey').and.not.include('Seq Scan on audit_event');
  });

  it('prune by the primary key', async () => {
    const { text, values } = deleteEvents(stream, 1_000);
    const lines = await test.asSuperuser<{ 'QUERY PLAN': string }>(`explain ${text}`, [...values]);
    const plan = lines.map((line) => line['QUERY PLAN']).join('\n');
    expect(plan).to.include('audit_event_pkey').and.not.include('Seq Scan');
  });
});
