import { expect } from 'chai';
import { columnOf, insertInto, selectList, combine } from '../../../../src/store/postgres/statements/statement.ts';

describe('a statement', () => {
  it('names columns as the entities do', () => {
    expect(columnOf('defaultWorkspaceId')).to.equal('default_workspace_id');
    expect(selectList('c', ['id', 'authType'])).to.equal('c."id" as "id", c."auth_type" as "authType"');
  });

  it('inserts by parameters only', () => {
    expect(combine(insertInto('user', { id: 1, isOwner: "'" }))).to.deep.equal({
      name: '+user',
      text: 'insert into "user" ("id", "is_owner") values ($1, $2)',
      values: [1, "'"],
    });
  });

  it('numbers the parameters of several writes through', () => {
    const statement = combine(
      insertInto('api_key', { id: 7, revokedAt: null, mac: 'm' }),
      insertInto('audit_event', { id: 8 }),
    );
    expect(statement).to.deep.equal({
      name: '+api_key+audit_event',
      text:
        'with write_1 as (insert into "api_key" ("id", "revoked_at", "mac") values ($1, $2, $3))' +
        ' insert into "audit_event" ("id") values ($4)',
      values: [7, null, 'm', 8],
    });
  });

  it('has no name where the names of its writes together are longer than PostgreSQL keeps', () => {
    const write = insertInto('credential_version', { id: 1 });
    expect(combine(write, write, write).name).to.equal('+credential_version+credential_version+credential_version');
    expect(combine(write, write, write, write).name).to.equal('');
  });
});
