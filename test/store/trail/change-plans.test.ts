import { expect } from 'chai';
import type { Statement } from '../../../src/store/postgres/statements/statement.ts';
import {
  findChanges,
  findMissing,
  findPositions,
  findReached,
  findScopedRecords,
} from '../../../src/store/trail/change-statements.ts';
import { uuidV7 } from '../../../src/vault/ids.ts';
import { createdAt, newEvent, newId, openTestStores, patience, type TestStores } from '../fixtures.ts';

const rows = 20_000;

describe('the plans for watches', () => {
  let test: TestStores;
  let stream: string;
  const workspaceId = newId();
  const nowMs = Date.now();
  const recently = uuidV7(nowMs - 3_000, new Uint8Array(10));

  before(async () => {
    test = await openTestStores();
    await test.stores.audit.append(newEvent({ workspaceId }));
    stream = test.stores.auditHead()?.stream ?? '';
    const columns = `prev, mac, time, actor_kind, actor_id, actor_name, authentication, action, resource_kind, resource_id,
      outcome, protocol, dialect, peer, request_id, count`;
    // The events of an hour, half of them of other workspaces.
    await test.asSuperuser(
      `insert into audit_event (stream, seq, id, workspace_id, ${columns})
       select stream, n + seq, (lpad(to_hex($2::bigint - 180 * n), 12, '0') || substr(gen_random_uuid()::text, 14, 0)
           || '7000' || substr(replace(gen_random_uuid()::text, '-', ''), 17))::uuid,
         case when n % 2 = 0 then workspace_id else gen_random_uuid() end, ${columns}
       from audit_event, generate_series(1, $1) as n`,
      [rows, nowMs],
    );
    await test.asSuperuser('analyze audit_event, audit_ledger');
  });

  after(() => test.close());

  /** The plan as the server's role has it. */
  async function planOf({ text, values }: Statement): Promise<string> {
    const statement = { name: '', text: `explain ${text}`, values };
    const lines = await test.database.query<{ 'QUERY PLAN': string }>(statement);
    return lines.map((line) => line['QUERY PLAN']).join('\n');
  }

  const changes = (after: string) => {
    const delivered = [{ stream, sequence: 1 }];
    return findChanges({ workspaceId, after, delivered, withReveals: true, size: 1_000, signal: patience });
  };
  const position = () => ({ time: createdAt, sequences: new Map([[stream.slice(-17).replace('-', ''), 1]]) });

  const readings: [string, () => Statement, string][] = [
    ['the changes of the last seconds', () => changes(recently), 'audit_event_list_index'],
    ['the positions in the last seconds', () => findReached(workspaceId, recently), 'audit_event_list_index'],
    ['the positions of a token', () => findPositions(position()), 'audit_event_pkey'],
    ['whether events were pruned', () => findMissing(position(), createdAt, recently), 'audit_event_pkey'],
  ];
  for (const [title, statement, index] of readings) {
    it(`read ${title} by an index`, async () => {
      const plan = await planOf(statement());
      expect(plan).to.include(index).and.not.include('Seq Scan on audit_event');
    });
  }

  it('find what scopes are compared with by the primary key', async () => {
    const { text, values } = findScopedRecords(workspaceId, [newId()]);
    const lines = await test.asSuperuser<{ 'QUERY PLAN': string }>(`explain ${text}`, [...values]);
    expect(lines.map((line) => line['QUERY PLAN']).join('\n')).not.to.include('Seq Scan');
  });
});
