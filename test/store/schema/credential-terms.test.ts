import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { withMigratedDatabase } from '../../../src/store/schema/migrate.ts';
import { CredentialSearcher } from '../../../src/store/search/credential-searcher.ts';
import { parseFilter } from '../../../src/vault/search/filter-parser.ts';
import { newestFirst } from '../../../src/vault/search/order.ts';
import {
  addCredential,
  createdAt,
  newCredential,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';

describe('the terms of credentials', () => {
  let test: TestStores;
  let workspaceId: string;

  before(async () => {
    test = await openTestStores();
    ({ id: workspaceId } = (await setUpInstance(test)).workspace);
  });

  after(async () => {
    await test.close();
  });

  const termsOf = (id: string) =>
    test.asSuperuser<{ kind: string; key: string; value: string }>(
      'select kind, key, value from credential_term where credential_id = $1 order by kind, key, value',
      [id],
    );
  const find = async (filter: string) => {
    const searcher = new CredentialSearcher({ database: test.database, log: test.log });
    const request = { workspaceId, filter: parseFilter(filter), order: newestFirst, after: undefined, size: 10 };
    const { credentials } = await searcher.search({ ...request, now: createdAt, signal: patience });
    return credentials.map(({ id }) => id);
  };

  it('follow the tags and labels of a credential, whichever server writes it', async () => {
    const labels = { env: 'prod', 'a.b': '' };
    const { id } = await addCredential(test, newCredential(workspaceId, { tags: ['b', 'a', 'a'], labels }));
    expect(await termsOf(id)).to.deep.equal([
      { kind: 'label', key: 'a.b', value: '' },
      { kind: 'label', key: 'env', value: 'prod' },
      { kind: 'tag', key: 'a', value: '' },
      { kind: 'tag', key: 'b', value: '' },
    ]);
    await test.asSuperuser(`update credential set tags = '{c}', labels = '{"env":"test"}' where id = $1`, [id]);
    expect(await termsOf(id)).to.deep.equal([
      { kind: 'label', key: 'env', value: 'test' },
      { kind: 'tag', key: 'c', value: '' },
    ]);
    await test.asSuperuser(`update credential set created_at = created_at - interval '1 day' where id = $1`, [id]);
    expect(await find('tags:c')).to.deep.equal([id]);
    await test.asSuperuser(`update credential set tags = '{}', labels = '{}' where id = $1`, [id]);
    expect(await termsOf(id)).to.deep.equal([]);
  });

  it('decide nothing: the tags and labels of the row do', async () => {
    const { id } = await addCredential(test, newCredential(workspaceId, { tags: ['own'] }));
    await test.asSuperuser(
      `insert into credential_term (workspace_id, kind, key, value, created_at, credential_id)
       select workspace_id, 'tag', 'foreign', '', created_at, id from credential where id = $1
       union all select workspace_id, 'tag', 'own', '', created_at - interval '1 day', id from credential where id = $1
       union all select $2, 'tag', 'own', '', now(), $3`,
      [id, workspaceId, randomUUID()],
    );
    expect(await find('tags:foreign')).to.deep.equal([]);
    expect(await find('tags:own')).to.deep.equal([id]);
  });

  it('are added by the migration for the credentials that are there, of every workspace', async () => {
    const ids: string[] = [];
    for (const tags of [['early'], ['early', 'late'], []]) {
      ids.push((await addCredential(test, newCredential(workspaceId, { tags, labels: { n: '1' } }))).id);
    }
    const before = await test.asSuperuser(
      'select * from credential_term where credential_id = any ($1) order by 1, 2, 3, 4, 5, 6',
      [ids],
    );
    expect(before).to.have.length(6);
    await test.asSuperuser(`
      drop table credential_term;
      drop function write_credential_terms() cascade;
      delete from schema_migration where name = '023-credential-terms'`);
    await withMigratedDatabase({ connection: test.target.connection, log: test.log }, async () => undefined);
    const after = await test.asSuperuser(
      'select * from credential_term where credential_id = any ($1) order by 1, 2, 3, 4, 5, 6',
      [ids],
    );
    expect(after).to.deep.equal(before);
    const { id } = await addCredential(test, newCredential(workspaceId, { tags: ['later'] }));
    expect(await find('tags:later')).to.deep.equal([id]);
  });
});
