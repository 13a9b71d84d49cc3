import { expect } from 'chai';
import { randomBytes, randomUUID } from 'node:crypto';
import { combine } from '../../../src/store/postgres/statements/statement.ts';
import {
  claimStatement,
  findRecord,
  keepAnswers,
  releaseIds,
  sweepRecords,
  type OpenRecord,
} from '../../../src/store/requests/request-records.ts';
import { openTestStores, type TestStores } from '../fixtures.ts';
import { planModes, planOf } from '../plans.ts';

const rowCounts = [0, 1, 5_000] as const;

describe('the plans for request ids', () => {
  let test: TestStores;
  before(async () => (test = await openTestStores()));
  after(() => test.close());

  for (const count of rowCounts) {
    it(`find them by their key or their age, whether there are ${count} or more, and by whatever plan`, async () => {
      await test.asSuperuser('truncate idempotency');
      await test.asSuperuser(
        `insert into idempotency (workspace_id, key, salt, request_hash, answer, created_at, mac)
         select gen_random_uuid(), sha256(i::text::bytea), '\\x', '\\x', '\\x', now(), '\\x' from generate_series(1, $1) i`,
        [count],
      );
      const record: OpenRecord = {
        workspaceId: randomUUID(),
        key: randomBytes(32),
        salt: randomBytes(16),
        requestHash: randomBytes(32),
        createdAt: new Date(),
      };
      const answer = { ...record, answer: randomBytes(8), mac: randomBytes(32) };
      const claim = { ...record, digest: randomBytes(32), claimedAt: new Date() };
      for (const mode of planModes) {
        const plan = (statement: Parameters<typeof planOf>[1]) =>
          planOf(test.database, statement, { workspaces: [record.workspaceId], mode });
        for (const statement of [findRecord(claim), combine(keepAnswers([answer])), combine(releaseIds([record]))])
          expect(await plan(statement), statement.name).to.include('using idempotency_pkey');
        expect(await plan(claimStatement([record]))).to.include('Conflict Arbiter Indexes: idempotency_pkey');
        expect(await plan(sweepRecords(new Date()))).to.include('using idempotency_created_index');
      }
    });
  }
});
