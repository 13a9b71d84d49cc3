import { expect } from 'chai';
import { Client } from 'pg';
import type { JsonObject } from '../../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { memberOf, textOf } from '../../support/json.ts';
import { GeneratedClient, StatusError, type ClientOptions } from './generated-client.ts';
import { refusalOf } from '../../support/refusals.ts';

async function namesOf(list: AsyncIterable<JsonObject>): Promise<string[]> {
  const names = [];
  for await (const item of list) names.push(textOf(item, 'name'));
  return names;
}

describe("scale's generated SDK", () => {
  let coffer: TestCoffer;
  let apiKey: string;

  before(async () => {
    coffer = await startCoffer();
    apiKey = await coffer.issueKey({ role: 'EDITOR' });
  });

  after(async () => {
    await coffer.stop();
  });

  function client(options: Partial<ClientOptions> = {}): GeneratedClient {
    return new GeneratedClient({ origin: coffer.origin, apiKey, ...options });
  }

  /** A client in an account that holds nothing yet. */
  async function inNewAccount(): Promise<GeneratedClient> {
    const accountId = await coffer.createWorkspace('An account');
    return client({ apiKey: coffer.adminToken, accountId });
  }

  it('keeps a credential through its whole life', async () => {
    const sdk = client();
    const name = 'team/a key with spaces';
    const created = await sdk.create({ type: 'key', name, payload: 'first', credential_metadata: { a: 1 } });
    const id = textOf(created, 'id');
    expect(await sdk.retrieve(id)).to.deep.equal(created);
    expect(await sdk.retrieveByName(name)).to.deep.equal(created);
    expect(await sdk.retrieveSecret(id)).to.deep.equal({ result: 'first', object: 'credential.secret' });

    const updated = await sdk.update(id, { description: 'second', payload: 'second' });
    expect(updated).to.deep.equal({ ...created, description: 'second', updated_at: updated['updated_at'] });
    expect(await sdk.retrieveSecretByName(name)).to.deep.equal({ result: 'second', object: 'credential.secret' });

    expect(await sdk.delete(id)).to.deep.equal({ id, deleted: true, object: 'credential.deleted' });
    expect((await refusalOf(sdk.retrieve(id), StatusError)).status).to.equal(404);
    expect((await refusalOf(sdk.delete(id), StatusError)).status).to.equal(404);
  });

  it('finds by a name that reads like a route, or needs escaping', async () => {
    const sdk = client();
    for (const name of ['secret', 'a/secret', 'name/secret/secret', 'ünï cödé', 'a:b', '%41']) {
      await sdk.create({ type: 'key', name, payload: `of ${name}` });
      expect(await sdk.retrieveByName(name), name).to.have.property('name', name);
      expect(await sdk.retrieveSecretByName(name), name).to.have.property('result', `of ${name}`);
    }
  });

  it('pages until a page is empty, forwards and backwards', async () => {
    const sdk = await inNewAccount();
    const names = ['a', 'b', 'c', 'd', 'e'];
    let last = '';
    for (const name of names) last = textOf(await sdk.create({ type: 'key', name, payload: 'p' }), 'id');
    expect(await namesOf(sdk.list({ limit: '2' }))).to.deep.equal(names);
    expect(await namesOf(sdk.list({ limit: '5' }))).to.deep.equal(names);
    expect(await namesOf(sdk.list({ limit: '2', sort_order: 'desc' }))).to.deep.equal(names.toReversed());
    expect(await namesOf(sdk.list({ limit: '2', ending_before: last }))).to.deep.equal(['c', 'd', 'a', 'b']);
  });

  it('deletes each item of the pages that it walks', async () => {
    const sdk = await inNewAccount();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await sdk.create({ type: 'key', name, payload: 'p' });
    for await (const item of sdk.list({ limit: '2' })) await sdk.delete(textOf(item, 'id'));
    expect(await namesOf(sdk.list())).to.deep.equal([]);
  });

  it('does not try a create of a taken name again, which would be as vain', async () => {
    const retries: number[] = [];
    const sdk = client({ onRetry: async (status) => void retries.push(status) });
    const body = { type: 'key', name: 'Taken', payload: 'kept' };
    const created = await sdk.create(body);
    const refusal = await refusalOf(sdk.create({ ...body, payload: 'another' }), StatusError);
    expect(refusal).to.include({ status: 409, attempts: 1 });
    expect(refusal.body).to.deep.equal({ detail: "Credential with name 'Taken' already exists" });
    expect(retries).to.deep.equal([]);
    expect(await sdk.retrieve(textOf(created, 'id'))).to.deep.equal(created);
    expect(await sdk.retrieveSecretByName('Taken')).to.have.property('result', 'kept');
  });

  it('succeeds once the database is back, by trying once more', async () => {
    const { connection } = coffer.database;
    const operator = new Client({ ...connection, database: 'postgres' });
    await operator.connect();
    const name = operator.escapeIdentifier(connection.database);
    const retries: number[] = [];
    const sdk = client({
      onRetry: async (status) => {
        retries.push(status);
        await operator.query(`alter database ${name} allow_connections true`);
      },
    });
    try {
      await operator.query(`alter database ${name} allow_connections false`);
      const end = 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1';
      await operator.query(end, [connection.database]);
      expect(await sdk.create({ type: 'key', name: 'After an outage', payload: 'p' })).to.have.property('object');
      expect(retries).to.include(503);
    } finally {
      await operator.query(`alter database ${name} allow_connections true`);
      await operator.end();
    }
  });

  it('does not try again what is refused for good', async () => {
    for (const [options, body, status] of [
      [{}, { type: 'key', name: '', payload: 'p' }, 422],
      [{ apiKey: 'cof_unknown' }, { type: 'key', name: 'n', payload: 'p' }, 401],
      [{ accountId: '018cc251-f400-7000-8000-00000000a001' }, { type: 'key', name: 'n', payload: 'p' }, 403],
    ] as const) {
      expect(await refusalOf(client(options).create(body), StatusError)).to.include({ status, attempts: 1 });
    }
  });

  it('adds one version by an update that is tried again after its answer was lost', async () => {
    const sdk = client();
    const id = textOf(await sdk.create({ type: 'key', name: 'Tried again', payload: 'old' }), 'id');
    const first = await sdk.update(id, { payload: 'new' });
    expect(await sdk.update(id, { payload: 'new' })).to.deep.equal(first);
    const native = await coffer.native('GET', `/v1/workspaces/default/credentials/${id}`);
    expect(memberOf(native, 'credential', 'current_version')).to.equal(2);
  });

  it('calls in the account that it has selected', async () => {
    const [here, elsewhere] = [client(), await inNewAccount()];
    const id = textOf(await elsewhere.create({ type: 'key', name: 'Elsewhere', payload: 'p' }), 'id');
    expect(await elsewhere.retrieveByName('Elsewhere')).to.have.property('id', id);
    expect((await refusalOf(here.retrieve(id), StatusError)).status).to.equal(404);
    expect((await refusalOf(here.retrieveByName('Elsewhere'), StatusError)).status).to.equal(404);
    expect((await refusalOf(here.retrieveSecret(id), StatusError)).status).to.equal(404);
  });
});
