import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { JsonObject } from '../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { parseObject, textOf } from '../support/json.ts';

/** Sends a native REST request, and answers its status as well. */
async function send(by: TestCoffer, method: string, path: string, body?: JsonObject): Promise<JsonObject> {
  const headers = { authorization: `Bearer ${by.adminToken}`, 'content-type': 'application/json' };
  const response = await fetch(by.origin + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  return { status: response.status, ...parseObject(await response.text()) };
}

const keysIn = (answer: JsonObject) =>
  Object.values(answer['keys'] ?? []).map((key: unknown) => JSON.parse(JSON.stringify(key)));

const stateOf = (answer: JsonObject) => textOf(answer, 'rotation', 'state');

describe('rotating the key of a workspace', function () {
  this.timeout(60_000);

  const values = ['first', 'second', 'third'];
  let coffer: TestCoffer;
  let other: TestCoffer;
  let database: Client;
  let workspace: string;
  let base: string;

  before(async () => {
    coffer = await startCoffer();
    const { adminToken, database: shared } = coffer;
    other = await startCoffer({
      database: shared,
      environment: { ...coffer.environment, COFFER_ADMIN_API_KEY: adminToken },
    });
    database = new Client(shared.connection);
    await database.connect();
  });

  after(async () => {
    await database.end();
    await other.stop();
    await coffer.stop();
  });

  beforeEach(async () => {
    const created = await send(coffer, 'POST', '/v1/workspaces', { workspace: { name: `w-${Math.random()}` } });
    workspace = textOf(created, 'workspace', 'id');
    base = `/v1/workspaces/${workspace}`;
  });

  const rotate = (body: JsonObject = {}, by = coffer) => send(by, 'POST', `${base}/keys:rotate`, body);
  const status = (by = coffer) => send(by, 'GET', `/v1/keys?workspace_id=${workspace}`);
  const reveal = async (id: string, body: JsonObject = {}, by = coffer) =>
    (await send(by, 'POST', `${base}/credentials/${id}:reveal`, body))['secret'];

  /** A credential whose secret has the three values in turn. */
  async function makeCredential(by = coffer): Promise<string> {
    const [first = '', ...others] = values;
    const secret = { value: first };
    const created = await send(by, 'POST', `${base}/credentials`, { credential: { name: 'c' }, secret });
    const id = textOf(created, 'credential', 'id');
    for (const value of others) {
      await send(by, 'POST', `${base}/credentials/${id}/versions`, { secret: { value } });
    }
    return id;
  }

  async function untilDone(): Promise<JsonObject> {
    let answer = await status();
    for (; stateOf(answer) !== 'DONE'; await delay(50)) answer = await status();
    return answer;
  }

  it('seals all versions with a new key, destroys the former one, and changes no value and no etag', async () => {
    const ids = [await makeCredential(), await makeCredential()];
    const before = await send(coffer, 'GET', `${base}/credentials/${ids[0]}`);
    const [{ key_id: former }] = keysIn(await status());
    const rotated = await rotate();
    expect(rotated).to.include({ status: 200 });
    const current = textOf(rotated, 'key', 'key_id');
    expect(current)
      .to.match(/^[0-9a-f]{16}$/)
      .and.not.equal(former);
    const done = await untilDone();
    expect(done['rotation']).to.deep.include({ state: 'DONE', done: 6, total: 6 });
    expect(keysIn(done).map(({ key_id: id, state, version_count: count }) => [id, state, count])).to.deep.equal([
      [current, 'CURRENT', 6],
      [former, 'DESTROYED', 0],
    ]);
    const { rows } = await database.query(
      `select distinct encode(key_id, 'hex') as key, encode(substring(sealed from 2 for 8), 'hex') as sealed_by
       from credential_version where workspace_id = $1`,
      [workspace],
    );
    expect(rows).to.deep.equal([{ key: current, sealed_by: current }]);
    for (const id of ids) {
      for (const [index, value] of values.entries()) {
        for (const by of [coffer, other]) expect(await reveal(id, { version: index + 1 }, by)).to.deep.equal({ value });
      }
    }
    const after = await send(coffer, 'GET', `${base}/credentials/${ids[0]}`);
    for (const name of ['etag', 'updated_at']) {
      expect(textOf(after, 'credential', name)).to.equal(textOf(before, 'credential', name));
    }
    const events = await send(coffer, 'GET', `${base}/auditEvents?page_size=50`);
    expect(JSON.stringify(events)).to.include('"action":"keys.rotate"').and.include('"action":"keys.destroy"');
    expect(await send(coffer, 'GET', '/v1/auditTrail:verify')).not.to.have.property('faults');
  });

  it('is used by every process at once, also by one that has the former key in memory', async () => {
    const id = await makeCredential(other);
    expect(await reveal(id, {}, other)).to.deep.equal({ value: 'third' });
    await rotate();
    const writes = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? other : coffer)).map(
      async (by, index) => {
        const secret = { value: `new ${index}` };
        const created = await send(by, 'POST', `${base}/credentials`, { credential: { name: `n${index}` }, secret });
        return textOf(created, 'credential', 'id');
      },
    );
    const ids = await Promise.all(writes);
    await untilDone();
    for (const [index, made] of ids.entries()) {
      const by = index % 2 === 0 ? coffer : other;
      expect(await reveal(made, {}, by)).to.deep.equal({ value: `new ${index}` });
    }
    expect(await reveal(id, {}, other)).to.deep.equal({ value: 'third' });
    const { rows } = await database.query('select distinct key_id from credential_version where workspace_id = $1', [
      workspace,
    ]);
    expect(rows).to.have.lengthOf(1);
  });

  it('keeps the former key, and is refused once more, while a version does not open', async () => {
    const id = await makeCredential();
    const where = 'workspace_id = $1 and credential_id = $2 and version = 2';
    const { rows } = await database.query<{ sealed: Buffer }>(`select sealed from credential_version where ${where}`, [
      workspace,
      id,
    ]);
    const set = (sealed: Buffer | undefined) =>
      database.query(`update credential_version set sealed = $3 where ${where}`, [workspace, id, sealed]);
    const spoilt = Buffer.from(rows[0]?.sealed ?? []);
    spoilt[spoilt.length - 1] = Number(spoilt.at(-1)) ^ 1;
    await set(spoilt);
    await rotate();
    while (stateOf(await status()) !== 'BLOCKED') await delay(50);
    expect((await status())['rotation']).to.deep.include({ state: 'BLOCKED', done: 2, total: 3, unreadable: 1 });
    expect(keysIn(await status()).map(({ state }) => state)).to.deep.equal(['CURRENT', 'RETIRING']);
    const refused = await rotate();
    expect(refused).to.include({ status: 409, code: 'aborted' });
    expect(JSON.stringify(refused)).to.include('ROTATION_UNDER_WAY');
    expect(await reveal(id)).to.deep.equal({ value: 'third' });
    await set(rows[0]?.sealed);
    // Any rotation makes the worker look at all of them.
    const elsewhere = await send(coffer, 'POST', '/v1/workspaces/default/keys:rotate', {});
    expect(elsewhere).to.include({ status: 200 });
    await untilDone();
    expect(await reveal(id, { version: 2 })).to.deep.equal({ value: 'second' });
  });

  it('is done by one of two who ask at once', async () => {
    await makeCredential();
    const both = await Promise.all([rotate({}, coffer), rotate({}, other)]);
    const codes = both.map(({ status: code }) => code);
    // The first may have ended before the second began.
    expect(codes).to.include(200);
    expect(codes.filter((code) => code !== 200 && code !== 409)).to.deep.equal([]);
    await untilDone();
  });

  it('is done once under one request id', async () => {
    const body = { request_id: '018f3c5e-7b2a-7c3d-8f00-11223344aabb' };
    const first = await rotate(body);
    expect(first).to.include({ status: 200 });
    expect(await rotate(body)).to.deep.equal(first);
    await untilDone();
  });

  it('is for owners only, and for workspaces that exist', async () => {
    const key = await send(coffer, 'POST', `${base}/apiKeys`, { name: 'k', role: 'ADMIN' });
    const headers = { authorization: `Bearer ${textOf(key, 'token')}`, 'content-type': 'application/json' };
    const rotated = await fetch(`${coffer.origin}${base}/keys:rotate`, { method: 'POST', headers, body: '{}' });
    expect(rotated.status).to.equal(403);
    expect((await fetch(`${coffer.origin}/v1/keys`, { headers })).status).to.equal(403);
    const absent = '/v1/workspaces/018f3c5e-7b2a-7c3d-8f00-11223344aabb/keys:rotate';
    expect(await send(coffer, 'POST', absent, {})).to.include({ status: 404 });
  });

  it('is listed with the keys of all workspaces page by page', async () => {
    const all = keysIn(await send(coffer, 'GET', '/v1/keys?page_size=1000'));
    const found: unknown[] = [];
    for (let token = ''; ;) {
      const page = await send(coffer, 'GET', `/v1/keys?page_size=2&page_token=${token}`);
      found.push(...keysIn(page));
      token = page['next_page_token'] === undefined ? '' : textOf(page, 'next_page_token');
      if (token === '') break;
    }
    expect(found).to.deep.equal(all);
    expect(all.length).to.be.greaterThan(4);
    expect(await send(coffer, 'GET', '/v1/keys?page_token=x')).to.include({ status: 400 });
    expect(await send(coffer, 'GET', '/v1/keys?page_size=-1')).to.include({ status: 400 });
    const { master_key: master, sealed } = await send(coffer, 'GET', '/v1/keys');
    expect(sealed).to.equal(false);
    expect(master).to.include({ source: 'key' });
  });

  it('of a workspace that is deleted meanwhile ends with it', async () => {
    await makeCredential();
    await rotate();
    const name = textOf(await send(coffer, 'GET', base), 'workspace', 'name');
    expect(await send(coffer, 'DELETE', `${base}?name=${name}`)).to.include({ status: 200 });
    expect(await status()).to.include({ status: 404 });
    expect(await send(coffer, 'POST', '/v1/workspaces/default/keys:rotate', {})).to.include({ status: 200 });
  });
});
