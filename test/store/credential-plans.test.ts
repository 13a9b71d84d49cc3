import { MikroORM } from '@mikro-orm/postgresql';
import { expect } from 'chai';
import { criteriaOfFind, criteriaOfPage } from '../../src/store/credential-criteria.ts';
import { CredentialEntity } from '../../src/store/entities/credential.ts';
import { entities } from '../../src/store/entities/index.ts';
import { selectEntities, type EntityCriteria } from '../../src/store/entity-query.ts';
import type { PageRequest } from '../../src/vault/ports.ts';
import {
  addCredential,
  createdAt,
  newCredential,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from './fixtures.ts';

const rows = 5_000;

describe('the plans for finding credentials', () => {
  let test: TestStores;
  let orm: MikroORM;
  let request: PageRequest;
  let place: string;

  before(async () => {
    test = await openTestStores();
    orm = await MikroORM.init({ dbName: 'none', entities, contextName: 'plans test' });
    const { workspace } = await setUpInstance(test);
    place = (await addCredential(test, newCredential(workspace.id))).id;
    request = { workspaceId: workspace.id, order: 'ascending', size: 10, now: createdAt, signal: patience };
    const columns = `provider, auth_type, tags, labels, is_active, use_count, current_version, revision, origin,
      created_by, updated_at`;
    await test.asSuperuser(
      `insert into credential (workspace_id, id, name, created_at, ${columns})
       select workspace_id, gen_random_uuid(), n::text, created_at + n * interval '1 second', ${columns}
       from credential, generate_series(1, $1) as n`,
      [rows],
    );
    await test.asSuperuser('analyze credential');
  });

  after(async () => {
    await orm.close();
    await test.close();
  });

  const entity = CredentialEntity;
  type Criteria = EntityCriteria<ReturnType<typeof criteriaOfPage> extends EntityCriteria<infer Row> ? Row : never>;

  /** The plan as the server's role has it, under row-level security. */
  async function planOf(criteria: Criteria): Promise<string> {
    const { text, values } = selectEntities(orm.em.fork(), entity, criteria);
    const statement = { name: '', text: `explain ${text}`, values };
    const scope = { workspaces: [request.workspaceId] };
    const lines = await test.database.transact(scope, (transaction) =>
      transaction.run<{ 'QUERY PLAN': string }>(statement),
    );
    return lines.map((line) => line['QUERY PLAN']).join('\n');
  }

  const pages: [string, () => Partial<PageRequest>, string][] = [
    ['the first page', () => ({}), 'credential_list_index'],
    ['the page behind a place', () => ({ after: place }), 'credential_list_index'],
    ['the page before a place', () => ({ before: place }), 'credential_list_index'],
    ['the page behind a place, backwards', () => ({ after: place, order: 'descending' }), 'credential_list_index'],
    ['the first page by name', () => ({ sortBy: 'name' }), 'credential_name_index'],
    ['the page behind a place by name', () => ({ sortBy: 'name', after: place }), 'credential_name_index'],
  ];
  for (const [title, changes, index] of pages) {
    it(`read ${title} off an index, without sorting`, async () => {
      const plan = await planOf(criteriaOfPage({ ...request, ...changes() }));
      expect(plan).to.include(`using ${index}`).and.not.include('Sort').and.not.include('Seq Scan');
    });
  }

  it('find a name by an index', async () => {
    const plan = await planOf(criteriaOfFind({ ...request, reference: { name: '7' } }));
    expect(plan).to.include('using credential_name_index').and.not.include('Seq Scan');
  });
});
