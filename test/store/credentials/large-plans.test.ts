import { expect } from 'chai';
import { findMatches } from '../../../src/store/credentials/credential-matching.ts';
import {
  addUses,
  findCredentials,
  findIdsOfShortIds,
  findSealedVersions,
  lockCredentials,
  updateCredentials,
} from '../../../src/store/credentials/credential-statements.ts';
import { findTakenIds, findTakenNames } from '../../../src/store/credentials/credential-claims.ts';
import { listPage } from '../../../src/store/search/list-statements.ts';
import { type Statement, StatementNames, combine } from '../../../src/store/postgres/statements/statement.ts';
import { findApiKeyAccess, findSessionAccess } from '../../../src/store/identity/access-statements.ts';
import { findLastEvent } from '../../../src/store/trail/trail-statements.ts';
import { shortIdOf } from '../../../src/vault/ids.ts';
import {
  addCredential,
  createdAt,
  newCredential,
  newId,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';
import { fillerOf } from '../../bench/fill-database.ts';
import { planOf } from '../plans.ts';

const credentials = 100_000;

describe('the plans at a hundred thousand credentials', function () {
  this.timeout(180_000);
  let test: TestStores;
  let workspaceId: string;

  before(async () => {
    test = await openTestStores();
    ({ id: workspaceId } = (await setUpInstance(test)).workspace);
    await addCredential(test, newCredential(workspaceId));
    // PostgreSQL 18 has one of its own, which comes first.
    await test.asSuperuser(`create function uuidv7() returns uuid language sql as 'select gen_random_uuid()'`);
    await fillerOf(test.target.connection, { credentials, workspaces: 10 })(1);
  });

  after(async () => {
    await test.close();
  });

  const place = (value = newId()) => ({ workspaceId, value, index: 0 });
  const match = () => ({ workspaceId, match: { name: 'n', provider: 'p', subject: 's', now: createdAt }, index: 0 });
  const names = new StatementNames('list');
  const statements: Readonly<Record<string, () => Statement>> = {
    'find credentials by id': () => findCredentials('id', [place()], { sealed: true }),
    'find credentials by short id': () => findCredentials('shortId', [place(shortIdOf(newId()))], { sealed: true }),
    'find credentials by name': () => findCredentials('name', [place()], { sealed: true }),
    'find credentials that match a name': () => findMatches('name', [match()], [newId()]),
    'find credentials that match a subject': () => findMatches('subject', [match()], []),
    'find credentials that match a subject and a provider': () => findMatches('subjectAndProvider', [match()], []),
    'find the ids of short ids': () => findIdsOfShortIds([place(shortIdOf(newId()))]),
    'lock credentials': () => lockCredentials([place()]),
    'find sealed versions': () => findSealedVersions([place()]),
    'change credentials': () =>
      combine(updateCredentials([{ credential: newCredential(workspaceId), mac: Buffer.alloc(32) }])),
    'find taken names': () => findTakenNames([newCredential(workspaceId)]),
    'find taken ids': () => findTakenIds([newCredential(workspaceId)]),
    'list credentials': () =>
      listPage({ workspaceId, order: 'ascending', size: 10, now: createdAt, signal: patience }, names),
    'count uses': () => addUses([{ workspaceId, id: newId(), lastUsedAt: createdAt, uses: 1 }]),
    'find API keys': () => findApiKeyAccess(Buffer.alloc(32)),
    'find sessions': () => findSessionAccess(Buffer.alloc(32)),
    'find the last event': () => findLastEvent(newId()),
  };
  for (const [title, statement] of Object.entries(statements)) {
    it(`${title} by the keys of their rows`, async () => {
      const isPage = title === 'list credentials';
      const plan = await planOf(test.database, statement(), { workspaces: [workspaceId], mode: 'force_generic_plan' });
      expect(plan)
        .to.match(/Index (Only )?Scan/)
        .and.not.match(/Seq Scan on/);
      // A condition of the workspace alone would read all that is in it; a page ends after its rows.
      const conditions = [...plan.matchAll(/Index[^\n]* Scan[^\n]* on credential[^\n]*\n\s*Index Cond: ([^\n]*)/g)];
      for (const [, condition] of isPage ? [] : conditions) expect(condition, plan).to.include(' AND ');
      if (isPage)
        expect(plan)
          .to.match(/^Limit/)
          .and.not.include('Sort');
    });
  }
});
