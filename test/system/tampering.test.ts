import { expect } from 'chai';
import { Client } from 'pg';
import { pino } from 'pino';
import { readConfig } from '../../src/start/read-config.ts';
import { openInstance } from '../../src/start/open-instance.ts';
import { OwnerMissingError } from '../../src/start/instance-checks.ts';
import { credentialColumns } from '../../src/store/entities/credential.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, textOf } from '../support/json.ts';
import type { JsonValue } from '../../src/vault/json.ts';

/** What verifying says of a place or a row: `CHANGED credential: credential … is not as it was written`. */
type Told = readonly string[];

/** A whole Coffer, and somebody who writes to its database. */
interface Scene {
  readonly coffer: TestCoffer;
  readonly tamper: (text: string, ...values: unknown[]) => Promise<readonly Record<string, unknown>[]>;
  /** The faults whose message names this. */
  readonly toldOf: (name: string) => Promise<Told>;
  readonly close: () => Promise<void>;
}

async function openScene(): Promise<Scene> {
  const coffer = await startCoffer();
  const superuser = new Client(coffer.database.connection);
  await superuser.connect();
  return {
    coffer,
    tamper: async (text, ...values) => (await superuser.query<Record<string, unknown>>(text, values)).rows,
    toldOf: async (name) => {
      const { faults = [] } = await coffer.native('POST', '/v1/auditTrail:verify', {});
      if (!Array.isArray(faults)) throw new Error('faults are a list');
      return faults
        .map((fault) => `${textOf(fault, 'kind')} ${textOf(fault, 'stream')}: ${textOf(fault, 'message')}`)
        .filter((told) => told.includes(name));
    },
    close: async () => {
      await superuser.end();
      await coffer.stop();
    },
  };
}

const credentials = '/v1/workspaces/default/credentials';

async function newCredential({ coffer }: Scene, more: JsonValue = {}): Promise<string> {
  const credential = {
    name: 'a name',
    provider: 'openai',
    tags: ['one'],
    labels: { b: '1', aa: '2' },
    subject: 'a subject',
    ...Object(more),
  };
  return textOf(await coffer.native('POST', credentials, { credential, secret: { key: 'k' } }), 'credential', 'id');
}

async function newApiKey({ coffer }: Scene, role = 'VIEWER'): Promise<string> {
  const answer = await coffer.native('POST', '/v1/workspaces/default/apiKeys', { name: 'a key', role });
  return textOf(answer, 'api_key', 'id');
}

async function newUser({ coffer }: Scene): Promise<string> {
  const name = `user ${crypto.randomUUID()}`;
  const answer = await coffer.native('POST', '/v1/users', { user: { name }, password: 'correct horse' });
  return textOf(answer, 'user', 'id');
}

async function newMember(scene: Scene, workspaceId: string): Promise<string> {
  const userId = await newUser(scene);
  const member = { user_id: userId, role: 'VIEWER' };
  await scene.coffer.native('POST', `/v1/workspaces/${workspaceId}/members`, { member });
  return userId;
}

/** The columns of a row, but for those that the database makes. */
async function copyOf({ tamper }: Scene, table: string, condition: string, id: string): Promise<() => Promise<void>> {
  const [{ row } = {}] = await tamper(
    `select to_jsonb(t) - 'short_id' as row from "${table}" t where ${condition}`,
    id,
  );
  const columns = Object.keys(Object(row)).map((column) => `"${column}"`);
  return async () => {
    await tamper(`delete from "${table}" where ${condition}`, id);
    await tamper(
      `insert into "${table}" (${columns.join()}) select ${columns.join()} from jsonb_populate_record(null::"${table}", $1)`,
      JSON.stringify(row),
    );
  };
}

describe('a row that somebody else has written', () => {
  let scene: Scene;

  before(async () => {
    scene = await openScene();
  });

  after(async () => {
    await scene.close();
  });

  it('reports nothing where nothing was changed', async () => {
    const id = await newCredential(scene, { metadata: { b: [1.5e300, -0, 'ü\u2028'], a: null }, description: 'd' });
    await newMember(scene, scene.coffer.defaultWorkspaceId);
    await scene.coffer.native('POST', `${credentials}/${id}:deactivate`, {});
    await scene.coffer.native('POST', `${credentials}/${id}:activate`, {});
    await scene.coffer.native('POST', `${credentials}/${id}:reveal`, {});
    const key = await newApiKey(scene);
    await scene.coffer.native('POST', `/v1/workspaces/default/apiKeys/${key}:revoke`, {});
    const { intact, faults } = await scene.coffer.native('POST', '/v1/auditTrail:verify', {});
    expect({ intact, faults }).to.deep.equal({ intact: true, faults: [] });
  });

  it('reports nothing where a whole workspace was deleted', async () => {
    const name = 'short-lived';
    const workspaceId = await scene.coffer.createWorkspace(name);
    const body = { credential: { name: 'n', provider: 'openai' }, secret: { key: 'k' } };
    await scene.coffer.native('POST', `/v1/workspaces/${workspaceId}/credentials`, body);
    await newMember(scene, workspaceId);
    await scene.coffer.native('DELETE', `/v1/workspaces/${workspaceId}?name=${name}`);
    expect(await scene.toldOf(workspaceId)).to.deep.equal([]);
  });

  const changes: Record<string, string> = {
    is_active: 'is_active = not is_active',
    expires_at: `expires_at = now() + interval '1 year'`,
    'expires_at to no time at all': `expires_at = 'infinity'`,
    deleted_at: 'deleted_at = now()',
    purge_at: 'purge_at = now()',
    purged_at: 'purged_at = now()',
    current_version: 'current_version = 2',
    oldest_version: 'oldest_version = 1',
    revision: 'revision = 7',
    name: `name = 'another'`,
    exclusive_name: `exclusive_name = 'another' || id`,
    description: `description = ''`,
    provider: `provider = 'custom'`,
    auth_type: `auth_type = 'slack'`,
    category: `category = 'c'`,
    scope: `scope = 's'`,
    subject: `subject = 'another'`,
    'subject to none': 'subject = null',
    tags: `tags = '{one,two}'`,
    labels: `labels = '{"aa": "2"}'`,
    metadata: `metadata = '{"a": 1}'`,
    origin: `origin = 'scale'`,
    created_by: 'created_by = id',
    created_at: `created_at = created_at - interval '1 ms'`,
    updated_at: `updated_at = updated_at + interval '1 ms'`,
    mac: `mac = decode(repeat('00', 32), 'hex')`,
    'mac to none': 'mac = null',
  };
  it('is tried with a change of every column of a credential that may change', () => {
    const columns = Object.entries(credentialColumns).filter(([, { isChangeable }]) => isChangeable);
    const names = columns.map(([name]) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
    expect(changes).to.include.all.keys(names);
  });

  for (const [what, change] of Object.entries(changes)) {
    it(`is named where it is a credential with another ${what}, and decides nothing`, async () => {
      const id = await newCredential(scene);
      await scene.tamper(`update credential set ${change} where id = $1`, id);
      await expectRefusals(id);
      const told = await scene.toldOf(`credential ${id} of workspace ${scene.coffer.defaultWorkspaceId}`);
      expect(told.join()).to.include('CHANGED credential: ').and.include('was changed');
    });
  }

  /** Neither is revealed, described, changed nor deleted; the trail tells of the attempts. */
  async function expectRefusals(id: string): Promise<void> {
    const path = `${credentials}/${id}`;
    const calls: readonly (readonly [string, string, JsonValue?])[] = [
      ['POST', `${path}:reveal`, {}],
      ['POST', `${path}:activate`, {}],
      ['PATCH', path, { name: 'mine' }],
      ['DELETE', path],
    ];
    for (const [method, url, body] of calls) {
      const refused = await scene.coffer.native(method, url, body).then(
        () => 'nothing',
        (error: unknown) => String(error),
      );
      expect(refused, url).to.include('the credential cannot be read');
    }
    const answer = await scene.coffer.native('GET', `/v1/workspaces/default/auditEvents?resource_id=${id}&page_size=4`);
    const events = memberOf(answer, 'audit_events');
    expect(Array.isArray(events) && events.map((event) => textOf(event, 'outcome'))).to.deep.equal(
      Array.from(calls, () => 'FAILED'),
    );
  }

  it('is refused where it is a version without its content, which is not taken for a destroyed one', async () => {
    for (const change of ['sealed = null', 'sealed = null, key_id = null']) {
      const id = await newCredential(scene);
      const path = `${credentials}/${id}`;
      await scene.coffer.native('POST', `${path}/versions`, { secret: { key: 'next' } });
      await scene.tamper(`update credential_version set ${change} where credential_id = $1`, id);
      for (const body of [{}, { version: 1 }, { version: 2 }]) {
        const refused = await scene.coffer.native('POST', `${path}:reveal`, body).catch(String);
        expect(refused).to.include('answered 500: the credential cannot be read');
      }
    }
  });

  it('is none that only counts uses', async () => {
    const id = await newCredential(scene);
    await scene.tamper('update credential set use_count = 5, last_used_at = now() where id = $1', id);
    expect(await scene.toldOf(id)).to.deep.equal([]);
    await scene.coffer.native('POST', `${credentials}/${id}:reveal`, {});
  });

  it('is named where it is a credential that was put in, with and without a MAC', async () => {
    const from = await newCredential(scene);
    for (const mac of ['mac', 'null']) {
      const id = crypto.randomUUID();
      await scene.tamper(
        `insert into credential (workspace_id, id, name, provider, auth_type, tags, labels, is_active, use_count,
           current_version, revision, origin, created_by, created_at, updated_at, mac)
         select workspace_id, $2, name, provider, auth_type, tags, labels, is_active, use_count,
           current_version, revision, origin, created_by, created_at, updated_at, ${mac} from credential where id = $1`,
        from,
        id,
      );
      const told = await scene.toldOf(id);
      expect(told[0]).to.include(`INSERTED credential: credential ${id}`);
      expect(told[1]).to.include(`REMOVED credential_version: version 1 of credential ${id}`);
      await expectRefusals(id);
    }
  });

  it('is named where it is a credential that was deleted', async () => {
    const id = await newCredential(scene);
    await scene.tamper('delete from credential_version where credential_id = $1', id);
    await scene.tamper('delete from credential where id = $1', id);
    expect((await scene.toldOf(id)).join()).to.include(`REMOVED credential: credential ${id}`);
  });

  it('is named where it is two credentials that were swapped', async () => {
    const [one, other] = [await newCredential(scene), await newCredential(scene, { name: 'another' })];
    const columns = 'name, tags, mac, created_at, updated_at';
    await scene.tamper(
      `update credential c set (${columns}) = (o.name, o.tags, o.mac, o.created_at, o.updated_at) from credential o
       where (c.id = $1 and o.id = $2) or (c.id = $2 and o.id = $1)`,
      one,
      other,
    );
    for (const id of [one, other]) {
      expect((await scene.toldOf(id)).join()).to.include(`CHANGED credential: credential ${id}`);
      await expectRefusals(id);
    }
  });

  it('is named where it is a deleted credential that was put back, which is revealed until it is', async () => {
    const id = await newCredential(scene);
    const putBack = await copyOf(scene, 'credential', 'id = $1', id);
    await scene.coffer.native('DELETE', `${credentials}/${id}`);
    await scene.tamper('alter table credential_version drop constraint credential_version_credential_foreign');
    await putBack();
    await scene.coffer.native('POST', `${credentials}/${id}:reveal`, {});
    expect((await scene.toldOf(id)).join()).to.include('was restored to revision 1: the trail has revision 2');
  });

  it('is named where it is a version that was put in, or carried over from another workspace', async () => {
    const [id, workspaceId] = [await newCredential(scene), await scene.coffer.createWorkspace('other')];
    const path = `/v1/workspaces/${workspaceId}/credentials`;
    const body = { credential: { name: 'n', provider: 'openai' }, secret: { key: 'k' } };
    const other = textOf(await scene.coffer.native('POST', path, body), 'credential', 'id');
    const bytes = 'select workspace_id, credential_id, version + 1, sealed, key_id, created_by, created_at';
    await scene.tamper(`insert into credential_version ${bytes} from credential_version where credential_id = $1`, id);
    expect((await scene.toldOf(id)).join()).to.include(`INSERTED credential_version: version 2 of credential ${id}`);
    await scene.tamper(
      `update credential_version v set sealed = o.sealed, key_id = o.key_id from credential_version o
       where v.credential_id = $1 and o.credential_id = $2 and o.version = 1`,
      other,
      id,
    );
    expect((await scene.toldOf(other)).join()).to.include(
      `CHANGED credential_version: version 1 of credential ${other}`,
    );
  });

  const grants: Record<
    string,
    { readonly table: string; readonly make: () => Promise<string>; readonly change: string }
  > = {
    'an API key whose role was raised': { table: 'api_key', make: () => newApiKey(scene), change: `role = 'ADMIN'` },
    'an API key whose hash was replaced': {
      table: 'api_key',
      make: () => newApiKey(scene),
      change: `hash = sha256('cof_mine')`,
    },
    'an API key that was renamed': { table: 'api_key', make: () => newApiKey(scene), change: `name = 'admin'` },
    'an API key with another prefix': { table: 'api_key', make: () => newApiKey(scene), change: `prefix = 'cof_mine'` },
    'an API key with another time': {
      table: 'api_key',
      make: () => newApiKey(scene),
      change: `created_at = created_at - interval '1 ms'`,
    },
    'an API key whose name moved into another column': {
      table: 'api_key',
      make: () => newApiKey(scene),
      change: `name = prefix, prefix = name`,
    },
    'a user who was renamed': { table: 'user', make: () => newUser(scene), change: `name = 'another' || id` },
    'a user who was made to log in without a name': {
      table: 'user',
      make: () => newUser(scene),
      change: 'logs_in_unnamed = true',
    },
    'a workspace that was renamed': { table: 'workspace', make: () => newWorkspace(), change: `name = 'default'` },
    'a workspace with another creator': { table: 'workspace', make: () => newWorkspace(), change: 'created_by = id' },
    'a workspace that was marked as deleted': {
      table: 'workspace',
      make: () => newWorkspace(),
      change: 'deleted_at = now()',
    },
    'a workspace without a MAC': { table: 'workspace', make: () => newWorkspace(), change: 'mac = null' },
    'a user who was made an owner': { table: 'user', make: () => newUser(scene), change: 'is_owner = true' },
    'a user whose password was replaced': {
      table: 'user',
      make: () => newUser(scene),
      change: 'password_hash = (select password_hash from "user" where password_hash is null limit 1)',
    },
  };
  for (const [what, { change, make, table }] of Object.entries(grants)) {
    it(`is named where it is ${what}`, async () => {
      const id = await make();
      await scene.tamper(`update "${table}" set ${change} where id = $1`, id);
      expect((await scene.toldOf(id)).join()).to.include(`CHANGED ${table}: ${table} ${id} was changed`);
    });
  }

  const newWorkspace = () => scene.coffer.createWorkspace(`workspace ${crypto.randomUUID()}`);

  it('is named where it is a version: with another creator, time, state or key, and without a MAC', async () => {
    const rewrites = [
      'created_by = workspace_id',
      `created_at = created_at - interval '1 day'`,
      `state = 'destroyed'`,
      `key_id = '\\x0102030405060708'`,
      'mac = null',
      'mac = (select o.mac from credential_version o where o.credential_id <> v.credential_id limit 1)',
    ];
    for (const change of rewrites) {
      const id = await newCredential(scene);
      await scene.tamper(`update credential_version v set ${change} where credential_id = $1`, id);
      expect(await scene.toldOf(`version 1 of credential ${id}`), change).to.have.length(1);
    }
  });

  it('lends no name to another: an API key that was renamed is refused, and leaves no event under that name', async () => {
    const made = await scene.coffer.native('POST', '/v1/workspaces/default/apiKeys', { name: 'a key', role: 'VIEWER' });
    await scene.tamper(`update api_key set name = 'the auditor' where id = $1`, textOf(made, 'api_key', 'id'));
    expect(await callAs(textOf(made, 'token'), '/v1/logout')).to.equal(401);
    const events = await scene.coffer.native(
      'GET',
      `${credentials.replace('credentials', 'auditEvents')}?page_size=1000`,
    );
    expect(JSON.stringify(events)).not.to.include('the auditor');
  });

  it('is no member under another name, and no workspace in a list, nor shown or deleted by the name it was given', async () => {
    const [user, workspaceId] = [await newMember(scene, scene.coffer.defaultWorkspaceId), await newWorkspace()];
    await scene.tamper(`update "user" set name = 'the auditor' where id = $1`, user);
    await scene.tamper(`update workspace set name = 'the archive' where id = $1`, workspaceId);
    const lists = [
      await scene.coffer.native('GET', `/v1/workspaces/default/members?page_size=1000`),
      await scene.coffer.native('GET', '/v1/users?page_size=1000'),
      await scene.coffer.native('GET', '/v1/workspaces?page_size=1000'),
    ];
    expect(JSON.stringify(lists)).not.to.match(/the auditor|the archive/);
    for (const [method, query] of [
      ['GET', ''],
      ['DELETE', '?name=the%20archive'],
    ] as const) {
      const call = scene.coffer.native(method, `/v1/workspaces/${workspaceId}${query}`);
      expect(String(await call.catch((error: unknown) => error))).to.include('the workspace cannot be read');
    }
  });

  it('is named where it is an API key that was put in', async () => {
    const [from, id] = [await newApiKey(scene), crypto.randomUUID()];
    await scene.tamper(
      `insert into api_key (id, workspace_id, user_id, name, hash, prefix, role, may_reveal, created_at, mac)
       select $2::uuid, workspace_id, user_id, name, sha256($2::text::bytea), prefix, role, may_reveal, created_at, mac
       from api_key where id = $1`,
      from,
      id,
    );
    expect((await scene.toldOf(id)).join()).to.include(`CHANGED api_key: api_key ${id}`);
  });

  it('is named where it is an API key whose revocation was taken back, from that key or by its earlier row', async () => {
    const [one, other] = [await newApiKey(scene), await newApiKey(scene)];
    const putBack = await copyOf(scene, 'api_key', 'id = $1', other);
    for (const id of [one, other]) {
      await scene.coffer.native('POST', `/v1/workspaces/default/apiKeys/${id}:revoke`, {});
    }
    await scene.tamper('update api_key set revoked_at = null where id = $1', one);
    await putBack();
    expect((await scene.toldOf(one)).join()).to.include(`CHANGED api_key: api_key ${one} was changed`);
    expect((await scene.toldOf(other)).join()).to.include(`CHANGED api_key: api_key ${other} is valid again`);
  });

  it('is named where it is an API key or a user who was deleted', async () => {
    const [key, user] = [await newApiKey(scene), await newUser(scene)];
    await scene.tamper('delete from api_key where id = $1', key);
    await scene.tamper('delete from "user" where id = $1', user);
    expect((await scene.toldOf(key)).join()).to.include(`REMOVED api_key: api_key ${key} was removed`);
    expect((await scene.toldOf(user)).join()).to.include(`REMOVED user: user ${user} was removed`);
  });

  it('is named where it is a deactivated user who was put back', async () => {
    const id = await newUser(scene);
    const putBack = await copyOf(scene, 'user', 'id = $1', id);
    await scene.coffer.native('POST', `/v1/users/${id}:deactivate`, {});
    await putBack();
    expect((await scene.toldOf(id)).join()).to.include(`CHANGED user: user ${id} is valid again`);
  });

  it('is named where it is a membership: changed, swapped, put in, deleted, put back', async () => {
    const workspaceId = scene.coffer.defaultWorkspaceId;
    const members = await Promise.all(Array.from({ length: 4 }, () => newMember(scene, workspaceId)));
    const [one = '', other = '', third = '', last = ''] = members;
    await scene.tamper(`update membership set role = 'ADMIN' where user_id = $1`, one);
    await scene.tamper(
      `update membership set mac = (select mac from membership where user_id = $1) where user_id = $2`,
      one,
      other,
    );
    const elsewhere = await scene.coffer.createWorkspace('elsewhere');
    await scene.tamper(
      `insert into membership select user_id, $2, role, may_reveal, mac from membership where user_id = $1`,
      one,
      elsewhere,
    );
    await scene.tamper('delete from membership where user_id = $1', third);
    const putBack = await copyOf(scene, 'membership', 'user_id = $1', last);
    await scene.coffer.native('DELETE', `/v1/workspaces/${workspaceId}/members/${last}`);
    await putBack();
    for (const place of [`${one}/${workspaceId}`, `${other}/${workspaceId}`, `${one}/${elsewhere}`]) {
      expect((await scene.toldOf(place)).join()).to.include(`CHANGED membership: membership ${place}`);
    }
    expect((await scene.toldOf(third)).join()).to.include(`REMOVED membership: membership ${third}/${workspaceId}`);
    expect((await scene.toldOf(last)).join()).to.include(`INSERTED membership: membership ${last}/${workspaceId}`);
  });

  const members = '/v1/workspaces/default/members';
  const setRole = (user_id: string, role: string) =>
    scene.coffer.native('POST', members, { member: { user_id, role } });

  it('is reported where it is a member whose earlier role was restored, though the member has that role again', async () => {
    const id = await newMember(scene, scene.coffer.defaultWorkspaceId);
    const name = `membership ${id}/${scene.coffer.defaultWorkspaceId}`;
    await setRole(id, 'EDITOR');
    const putBack = await copyOf(scene, 'membership', 'user_id = $1', id);
    await setRole(id, 'VIEWER');
    await setRole(id, 'EDITOR');
    expect(await scene.toldOf(name)).to.deep.equal([]);
    await putBack();
    expect(await scene.toldOf(name)).to.deep.equal([
      `CHANGED membership: ${name} was restored to an earlier state: the trail has a later change`,
    ]);
    await setRole(id, 'RUNTIME');
    expect(await scene.toldOf(name)).to.deep.equal([
      `CHANGED membership: ${name} was restored to an earlier state and then changed: the trail has two changes of one state`,
    ]);
  });

  it('is none of a member who was added again by a process whose clock is behind', async () => {
    const { database, environment } = scene.coffer;
    const behind = await startCoffer({ database, environment, now: () => new Date(Date.now() - 3_600_000) });
    try {
      const id = await newMember(scene, scene.coffer.defaultWorkspaceId);
      await scene.coffer.native('DELETE', `${members}/${id}`);
      await behind.native('POST', members, { member: { user_id: id, role: 'VIEWER' } });
      expect(await scene.toldOf(id)).to.deep.equal([]);
    } finally {
      await behind.stop();
    }
  });

  /** Writes the password of a user's row again, to which other rows may refer. */
  async function passwordOf(id: string): Promise<() => Promise<void>> {
    const [{ password_hash, mac } = {}] = await scene.tamper('select password_hash, mac from "user" where id = $1', id);
    return async () => {
      await scene.tamper('update "user" set password_hash = $2, mac = $3 where id = $1', id, password_hash, mac);
    };
  }

  const logIn = async (user: string, password = 'correct horse') =>
    textOf(await scene.coffer.native('POST', '/v1/login', { user, password }), 'token');

  async function callAs(token: string, path: string, body: object = {}): Promise<number> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(scene.coffer.origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
    return answer.status;
  }

  const changePassword = async (user: string, current_password: string, new_password: string) =>
    callAs(await logIn(user, current_password), '/v1/changePassword', { current_password, new_password });

  it('is reported where it is a user whose earlier password was restored, which is accepted until then', async () => {
    const id = await newUser(scene);
    const putBack = await passwordOf(id);
    expect(await changePassword(id, 'correct horse', 'another horse')).to.equal(200);
    expect(await scene.toldOf(id)).to.deep.equal([]);
    await putBack();
    await logIn(id);
    const told = `CHANGED user: user ${id} was restored to an earlier state`;
    expect(await scene.toldOf(id)).to.deep.equal([`${told}: the trail has a later change`]);
    expect(await changePassword(id, 'correct horse', 'a third horse')).to.equal(200);
    expect((await scene.toldOf(id)).join()).to.include(`${told} and then changed`);
  });

  it('is none of a user for what changes nothing of the user', async () => {
    const id = await newUser(scene);
    const tokens = [];
    for (let count = 0; count < 7; count += 1) tokens.push(await logIn(id));
    const wrong = { current_password: 'wrong horse', new_password: 'another horse' };
    expect(await callAs(tokens.at(-1) ?? '', '/v1/changePassword', wrong)).to.equal(400);
    expect(await callAs(tokens.at(-1) ?? '', '/v1/logout')).to.equal(200);
    for (const _ of [1, 2]) await scene.coffer.native('POST', `/v1/users/${id}:deactivate`, {});
    const key = await newApiKey(scene);
    for (const _ of [1, 2]) await scene.coffer.native('POST', `/v1/workspaces/default/apiKeys/${key}:revoke`, {});
    expect([...(await scene.toldOf(id)), ...(await scene.toldOf(key))]).to.deep.equal([]);
  });

  it('is named where it is a session that made room for another, and was put back', async () => {
    const user = await newUser(scene);
    await logIn(user);
    const [{ id } = {}] = await scene.tamper('select id from session where user_id = $1', user);
    const putBack = await copyOf(scene, 'session', 'id = $1', String(id));
    for (let count = 0; count < 5; count += 1) await logIn(user);
    await putBack();
    expect((await scene.toldOf(String(id))).join()).to.include(`INSERTED session: session ${String(id)} was restored`);
  });

  it('is named where it is of a deleted workspace: a membership, a key, a user who was moved elsewhere', async () => {
    const name = 'no more';
    const workspaceId = await scene.coffer.createWorkspace(name);
    const member = await newMember(scene, workspaceId);
    const user = { name: `user ${crypto.randomUUID()}`, default_workspace_id: workspaceId };
    const moved = await scene.coffer.native('POST', '/v1/users', { user, password: 'correct horse' });
    const userId = textOf(moved, 'user', 'id');
    const path = `/v1/workspaces/${workspaceId}`;
    const made = await scene.coffer.native('POST', `${path}/apiKeys`, { name: 'a key', role: 'VIEWER' });
    const key = textOf(made, 'api_key', 'id');
    const [{ mac: workspaceMac } = {}] = await scene.tamper('select mac from workspace where id = $1', workspaceId);
    const putBack = [
      async () => {
        await scene.tamper('update workspace set deleted_at = null, mac = $2 where id = $1', workspaceId, workspaceMac);
      },
      await copyOf(scene, 'membership', 'user_id = $1', member),
      await copyOf(scene, 'api_key', 'id = $1', key),
      await copyOf(scene, 'user', 'id = $1', userId),
    ];
    await scene.coffer.native('DELETE', `${path}?name=${encodeURIComponent(name)}`);
    for (const id of [member, key, userId]) expect(await scene.toldOf(id)).to.deep.equal([]);
    for (const one of putBack) await one();
    expect((await scene.toldOf(`workspace ${workspaceId} is`)).join()).to.include('is valid again');
    expect((await scene.toldOf(member)).join()).to.include(`INSERTED membership: membership ${member}/${workspaceId}`);
    expect((await scene.toldOf(key)).join()).to.include(`CHANGED api_key: api_key ${key} is valid again`);
    expect((await scene.toldOf(userId)).join()).to.include(`CHANGED user: user ${userId} was restored`);
  });

  it('is named where it is a session: changed, and put back after its end', async () => {
    const begin = async () => {
      const user = await newUser(scene);
      const answer = await scene.coffer.native('POST', '/v1/login', { user, password: 'correct horse' });
      const [{ id } = {}] = await scene.tamper('select id from session where user_id = $1', user);
      return { id: String(id), token: textOf(answer, 'token') };
    };
    const [one, other] = [await begin(), await begin()];
    await scene.tamper(`update session set expires_at = expires_at + interval '1 year' where id = $1`, one.id);
    const putBack = await copyOf(scene, 'session', 'id = $1', other.id);
    const headers = { authorization: `Bearer ${other.token}`, 'content-type': 'application/json' };
    await fetch(`${scene.coffer.origin}/v1/logout`, { method: 'POST', headers, body: '{}' });
    await putBack();
    expect((await scene.toldOf(one.id)).join()).to.include(`CHANGED session: session ${one.id} was changed`);
    expect((await scene.toldOf(other.id)).join()).to.include(`INSERTED session: session ${other.id} was restored`);
  });

  it('is named where it is the key of a workspace: changed, swapped, put in, deleted', async () => {
    const workspaces = await Promise.all(
      Array.from({ length: 4 }, (_, index) => scene.coffer.createWorkspace(`w${index}`)),
    );
    const [one = '', other = '', third = '', last = ''] = workspaces;
    const body = { credential: { name: 'n', provider: 'openai' }, secret: { key: 'k' } };
    for (const workspaceId of workspaces)
      await scene.coffer.native('POST', `/v1/workspaces/${workspaceId}/credentials`, body);
    await scene.tamper(
      `update workspace_key set created_at = created_at + interval '1 s' where workspace_id = $1`,
      one,
    );
    await scene.tamper(
      `update workspace_key k set wrapped = o.wrapped, key_id = o.key_id, mac = o.mac from workspace_key o
       where k.workspace_id = $2 and o.workspace_id = $1`,
      one,
      other,
    );
    await scene.tamper(
      `insert into workspace_key select workspace_id, sha256('mine'), wrapped, master_fingerprint, created_at, mac
       from workspace_key where workspace_id = $1`,
      third,
    );
    for (const workspaceId of [one, other, third]) {
      expect((await scene.toldOf(workspaceId)).join()).to.include(
        `CHANGED workspace_key: workspace_key ${workspaceId}/`,
      );
    }
    await scene.tamper('delete from workspace_key where workspace_id = $1', last);
    expect((await scene.toldOf(last)).join()).to.match(/^REMOVED workspace_key: workspace_key/);
  });

  it('is named where it is an event: changed, swapped, put in, deleted', async () => {
    const [{ stream } = {}] = await scene.tamper('select stream from audit_event order by time desc limit 1');
    await scene.tamper('update audit_event set peer = $2 where stream = $1 and seq = 3', stream, 'x');
    await scene.tamper('update audit_event set seq = -seq where stream = $1 and seq in (5, 7)', stream);
    await scene.tamper('update audit_event set seq = 12 + seq where stream = $1 and seq < 0', stream);
    await scene.tamper('delete from audit_event where stream = $1 and seq = 10', stream);
    const told = await scene.toldOf(`${String(stream)}: event`);
    for (const fault of [
      `CHANGED ${String(stream)}: event 3 was changed`,
      `REORDERED ${String(stream)}: event 5 is event 7, moved`,
      `REORDERED ${String(stream)}: event 7 is event 5, moved`,
      `REMOVED ${String(stream)}: event 10 is missing`,
    ]) {
      expect(told).to.include(fault);
    }
  });
});

describe('a table that somebody has emptied', () => {
  let scene: Scene;
  let key: string;
  let credential: string;
  let member: string;

  beforeEach(async () => {
    scene = await openScene();
    credential = await newCredential(scene);
    key = await newApiKey(scene);
    member = await newMember(scene, scene.coffer.defaultWorkspaceId);
  });

  afterEach(async () => {
    await scene.close();
  });

  it('is reported by all that were in it', async () => {
    await scene.tamper('truncate credential_version');
    expect((await scene.toldOf(credential)).join()).to.include(`version 1 of credential ${credential}`);
    await scene.tamper('truncate credential cascade');
    expect((await scene.toldOf(credential)).join()).to.include(`REMOVED credential: credential ${credential}`);
    const [{ stream } = {}] = await scene.tamper('select stream from audit_event limit 1');
    await scene.tamper('truncate audit_ledger');
    expect((await scene.toldOf(String(stream))).join()).to.include('the ledger does not contain the stream');
    await scene.tamper('truncate audit_event');
    expect((await scene.toldOf(String(stream))).join()).to.include('STREAM_MISSING');
  });

  it('is reported by the keys, the users, the members and the workspaces that were in it', async () => {
    const workspace = scene.coffer.defaultWorkspaceId;
    await scene.tamper('truncate workspace_key');
    expect(await scene.toldOf(`workspace_key ${workspace}`)).to.have.length(1);
    await using stack = new AsyncDisposableStack();
    const config = readConfig(scene.coffer.environment, () => '');
    const { connection } = scene.coffer.database;
    const parts = {
      config,
      connection,
      clock: { now: () => new Date() },
      log: pino({ level: 'silent' }),
      mayBegin: false,
    };
    const { trailVerifier } = await openInstance(parts, stack);
    // Nobody is let in any more, so that nobody could ask over the wire.
    await scene.tamper('truncate "user" cascade');
    const { faults } = await trailVerifier.verify(new Map());
    const told = faults.map(({ message }) => message).join('\n');
    expect(told).to.include(`api_key ${key} was removed`).and.include(`user ${member} was removed`);
    expect(told).to.include(`membership ${member}/${workspace} was removed`);
  });

  it('gets no other owner at a start, whichever admin key that is given', async () => {
    const { coffer, tamper } = scene;
    const { COFFER_ADMIN_API_KEY: _, ...others } = coffer.environment;
    for (const remove of [`update "user" set is_owner = false`, 'truncate "user" cascade']) {
      await tamper(remove);
      for (const environment of [coffer.environment, others]) {
        const failure = await startCoffer({ database: coffer.database, environment }).then(
          (started) => started.stop(),
          (error: unknown) => error,
        );
        expect(failure, remove).to.be.instanceOf(OwnerMissingError);
      }
    }
    expect(await tamper('select from "user" where is_owner')).to.have.length(0);
  });
});
