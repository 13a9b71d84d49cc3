import { MikroORM, type EntityMetadata } from '@mikro-orm/postgresql';
import { expect } from 'chai';
import { Client } from 'pg';
import { entities } from '../../src/store/entities/index.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { textOf } from '../support/json.ts';
import { isUnreadable, oddValuesOf, type OddValue } from '../support/odd-values.ts';
import { allRoutes } from '../support/routes.ts';

/** How the rows of a table are made, and which of their columns is in what is said of them. */
interface Rows {
  readonly name: string;
  readonly make: (coffer: TestCoffer) => Promise<unknown>;
  /** Columns that nothing is decided by: only values that cannot be read are named. */
  readonly hints?: readonly string[];
  /** How many are damaged at once: fewer where each costs a password, or has several faults. */
  readonly atATime?: number;
}

interface UncheckedRows {
  /** A column by which the rows of one request differ from those of others. */
  readonly name: string;
  /** @returns the request */
  readonly make: (coffer: TestCoffer) => Promise<JsonObject>;
  /** The rest of the rows, as SQL. */
  readonly complete?: string;
  /** Uses the rows of a request. @returns the answer */
  readonly use: (coffer: TestCoffer, made: JsonObject) => Promise<string>;
}

const credentials = '/v1/workspaces/default/credentials';
const password = 'correct horse';

async function newUser(coffer: TestCoffer): Promise<string> {
  const body = { user: { name: `user ${crypto.randomUUID()}` }, password };
  return textOf(await coffer.native('POST', '/v1/users', body), 'user', 'id');
}

async function newCredential(coffer: TestCoffer, others: JsonObject = {}): Promise<JsonObject> {
  const texts = { name: 'a name', description: 'd', provider: 'openai', category: 'c', scope: 's' };
  const more = { tags: ['t'], labels: { l: 'v' }, metadata: { m: 1 }, expires_at: '2999-01-01T00:00:00Z' };
  const body = { credential: { ...texts, ...more }, secret: { key: 'k' }, ...others };
  await coffer.native('POST', credentials, body);
  return body;
}

async function newApiKey(coffer: TestCoffer): Promise<unknown> {
  const limits = { dialect: 'scale', tags: ['t'], providers: ['p'], expires_at: '2999-01-01T00:00:00Z' };
  return coffer.native('POST', '/v1/workspaces/default/apiKeys', { name: 'k', role: 'VIEWER', ...limits });
}

async function sendTo(origin: string, token: string, method: string, path: string, body?: JsonObject) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const answer = await fetch(origin + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  return `${method} ${path} ${answer.status} ${(await answer.text()).slice(0, 500)}`;
}

const newWorkspace = (coffer: TestCoffer) => coffer.createWorkspace(crypto.randomUUID());

const tables: Readonly<Record<string, Rows>> = {
  workspace: { name: 'id', make: newWorkspace, hints: ['purged_at'] },
  user: { name: 'id', make: newUser, atATime: 20 },
  membership: {
    name: 'user_id',
    make: async (coffer) => {
      const member = { user_id: await newUser(coffer), role: 'VIEWER' };
      return coffer.native('POST', '/v1/workspaces/default/members', { member });
    },
    atATime: 20,
  },
  api_key: { name: 'id', make: newApiKey, hints: ['last_used_at'] },
  session: {
    name: 'id',
    make: async (coffer) => coffer.native('POST', '/v1/login', { user: await newUser(coffer), password }),
    hints: ['created_at'],
    atATime: 20,
  },
  workspace_key: { name: 'workspace_id', make: newWorkspace },
  // More faults than a hundred are counted, but not named.
  credential: {
    name: 'id',
    make: (coffer) => newCredential(coffer),
    hints: ['last_used_at', 'use_count', 'notice_at'],
    atATime: 70,
  },
  credential_version: { name: 'credential_id', make: (coffer) => newCredential(coffer) },
  audit_event: { name: 'seq', make: (coffer) => newCredential(coffer), atATime: 25 },
};

/** Tables that only find or describe, or whose rows are checked when they are used: no value is named, and none stops anything. */
const uncheckedTables: Readonly<Record<string, UncheckedRows>> = {
  idempotency: {
    name: 'key',
    make: (coffer) => newCredential(coffer, { request_id: crypto.randomUUID() }),
    use: ({ origin, adminToken }, made) => sendTo(origin, adminToken, 'POST', credentials, made),
  },
  credential_term: {
    name: 'credential_id',
    make: (coffer) => newCredential(coffer),
    use: ({ origin, adminToken }) =>
      sendTo(origin, adminToken, 'GET', `${credentials}?filter=${encodeURIComponent('tags:"t" AND labels.l = "v"')}`),
  },
  credential_consumer: {
    name: 'credential_id',
    make: (coffer) => newCredential(coffer),
    complete: `insert into credential_consumer (workspace_id, credential_id, consumer_id, kind, name, last_used_at)
      select workspace_id, id, gen_random_uuid(), 'user', 'a name', now() from credential`,
    use: async ({ origin, adminToken }) => sendTo(origin, adminToken, 'GET', credentials),
  },
  key_share: {
    name: 'hash',
    make: async () => ({}),
    complete: `insert into key_share (hash, master_fingerprint, threshold)
      select sha256(n::text::bytea), '00112233445566ff', 2 from generate_series(1, 100) n`,
    use: async ({ origin, adminToken }) => sendTo(origin, adminToken, 'GET', credentials),
  },
};

const rowsAtATime = 100;
const requestsAtOnce = 20;

describe('a value that Coffer never stores', () => {
  let metadata: readonly EntityMetadata[];
  let coffer: TestCoffer;
  let superuser: Client;
  let lists: readonly string[];

  before(async () => {
    const orm = await MikroORM.init({ dbName: 'none', entities });
    metadata = [...orm.getMetadata().getAll().values()];
    await orm.close();
    const routes = await allRoutes();
    lists = routes
      .filter(
        ({ httpMethod, method, template }) =>
          httpMethod === 'GET' &&
          method.methodKind === 'unary' &&
          !template.replace('{workspace_id}', '').includes('{'),
      )
      .map(({ template }) => template.replace('{workspace_id}', 'default'));
  });

  beforeEach(async () => {
    coffer = await startCoffer();
    superuser = new Client(coffer.database.connection);
    await superuser.connect();
    // Somebody who owns the tables may drop these as well.
    const constraints = await run(`
      select conrelid::regclass::text as "table", conname as name from pg_constraint
      where contype in ('f', 'c') and connamespace = 'public'::regnamespace`);
    for (const { name, table } of constraints) {
      await run(`alter table ${String(table)} drop constraint "${String(name)}"`);
    }
  });

  afterEach(async () => {
    await superuser.end();
    await coffer.stop();
  });

  const run = async (text: string, ...values: unknown[]) =>
    (await superuser.query<Record<string, unknown>>(text, values)).rows;

  const columnsOf = async (table: string) =>
    (
      await run(
        `select string_agg(format('%I', column_name), ', ') as columns from information_schema.columns
         where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'`,
        table,
      )
    )
      .map(({ columns }) => String(columns))
      .join('');

  /** Keeps a table, and answers what brings it back. */
  async function keep(table: string): Promise<() => Promise<void>> {
    const columns = await columnsOf(table);
    await run(`create table kept as select ${columns} from "${table}"`);
    return async () => {
      await run(`truncate "${table}"`);
      await run(`insert into "${table}" (${columns}) select ${columns} from kept`);
    };
  }

  async function faults(): Promise<string[]> {
    const { faults: found } = await coffer.native('POST', '/v1/auditTrail:verify', {});
    return Array.isArray(found) ? found.map((fault) => `${textOf(fault, 'stream')}: ${textOf(fault, 'message')}`) : [];
  }

  const request = (method: string, path: string) =>
    sendTo(coffer.origin, coffer.adminToken, method, path, method === 'POST' ? {} : undefined);

  /** Every list of every dialect is answered, and every credential either shown or told to be damaged. */
  async function expectAnswers(): Promise<void> {
    const answers = await requestAll(lists.map((path) => ['GET', path]));
    for (const answer of answers) expect(answer).not.to.match(/^GET \S+ 5(?!03)/);
    const paths = (await run('select id from credential')).map(({ id }) => `${credentials}/${String(id)}`);
    const shown = await requestAll(paths.flatMap((path) => [['GET', path] as const, ['POST', `${path}:reveal`]]));
    for (const answer of shown) expect(answer).not.to.match(/internal/i);
  }

  async function requestAll(requests: readonly (readonly [method: string, path: string])[]): Promise<string[]> {
    const answers: string[] = [];
    for (let done = 0; done < requests.length; done += requestsAtOnce) {
      const some = requests.slice(done, done + requestsAtOnce);
      answers.push(...(await Promise.all(some.map(([method, path]) => request(method, path)))));
    }
    return answers;
  }

  async function expectStart(): Promise<void> {
    const { database, environment } = coffer;
    const another = await startCoffer({ database, environment });
    try {
      await newCredential(another);
    } finally {
      await another.stop();
    }
  }

  /** @returns what named the row before and does now; nothing where it had the value already */
  async function damage({ column, table, value }: OddValue, name: string, condition: string): Promise<string[]> {
    const [row] = await run(`
      update "${table}" t set "${column}" = ${value} from "${table}" f where t.ctid = f.ctid and ${condition}
        and f."${column}"::text is distinct from (${value})::text
      returning f."${name}"::text as former, t."${name}"::text as present`);
    return row ? [String(row['former']), String(row['present'])] : [];
  }

  for (const [table, { atATime = rowsAtATime, hints = [], make, name }] of Object.entries(tables)) {
    it(`is named in every column of ${table}, while the rest is verified, listed and started with`, async function () {
      this.timeout(120_000);
      const odd = metadata.filter(({ tableName }) => tableName === table).flatMap(oddValuesOf);
      expect(odd).not.to.have.length(0);
      const first = new Set((await run(`select "${name}"::text as name from "${table}"`)).map((row) => row['name']));
      const count = Math.min(atATime, odd.length);
      for (let made = 0; made < count; made += 5) await Promise.all(Array.from({ length: 5 }, () => make(coffer)));
      const rows = (await run(`select "${name}"::text as name from "${table}" order by "${name}"`))
        .map((row) => String(row['name']))
        .filter((row) => !first.has(row));
      const [{ id: changed } = {}] = await run(
        `insert into credential (workspace_id, id, name, provider, auth_type, tags,
        labels, is_active, use_count, current_version, revision, origin, created_by, created_at, updated_at)
        values ($1, gen_random_uuid(), 'n', 'p', 'a', '{}', '{}', true, 0, 1, 1, 'o', $1, now(), now()) returning id`,
        coffer.defaultWorkspaceId,
      );
      const restore = await keep(table);
      for (let done = 0; done < odd.length; done += count) {
        const damaged: (readonly [OddValue, string[]])[] = [];
        for (const [index, value] of odd.slice(done, done + count).entries()) {
          const names = await damage(value, name, `f."${name}"::text = '${rows[index] ?? ''}'`);
          if (names.length > 0 && (!hints.includes(value.column) || isUnreadable(value))) damaged.push([value, names]);
        }
        const found = await faults();
        expect(found.join('\n')).to.include(String(changed));
        const unnamed = damaged.filter(([, names]) => !names.some((one) => found.some((fault) => isOf(fault, one))));
        expect(unnamed.map(([{ column, value }]) => `${column} = ${value}`)).to.deep.equal([]);
        await expectAnswers();
        await expectStart();
        await restore();
      }
      await run(`delete from credential where id = $1`, changed);
    });
  }

  for (const [table, { complete, make, name, use }] of Object.entries(uncheckedTables)) {
    it(`stops nothing in any column of ${table}`, async function () {
      this.timeout(120_000);
      const odd = metadata.filter(({ tableName }) => tableName === table).flatMap(oddValuesOf);
      expect(odd).not.to.have.length(0);
      const made: JsonObject[] = [];
      while (made.length < odd.length) made.push(await make(coffer));
      if (complete) await run(complete);
      const rows = await run(`select distinct "${name}"::text as name from "${table}"`);
      expect(rows.length).to.be.at.least(odd.length);
      for (const [index, value] of odd.entries()) {
        await damage(value, name, `f."${name}"::text = '${String(rows[index]?.['name'])}'`);
      }
      expect(await faults()).to.deep.equal([]);
      for (const body of made) expect(await use(coffer, body)).to.match(/^\S+ \S+ (200|500 .*data_loss)/);
      await expectAnswers();
      await expectStart();
    });
  }

  it('neither seals nor stops anything in any column of seal', async function () {
    this.timeout(120_000);
    await run(`insert into seal (id, number, sealed_at, mac) values (1, 1, now(), '')`);
    const restore = await keep('seal');
    for (const value of metadata.filter(({ tableName }) => tableName === 'seal').flatMap(oddValuesOf)) {
      await damage(value, 'id', 'f.id = 1');
      await expectAnswers();
      await restore();
    }
    expect(await faults()).to.deep.equal([]);
    await expectStart();
  });

  it('is named in every column of audit_ledger, while the server goes on writing, and starts', async function () {
    this.timeout(120_000);
    const odd = metadata.filter(({ tableName }) => tableName === 'audit_ledger').flatMap(oddValuesOf);
    for (let starts = 0; starts < 3; starts += 1) await expectStart();
    const lines = (await run('select number from audit_ledger')).map(({ number }) => String(number));
    const restore = await keep('audit_ledger');
    for (const value of odd) {
      const names = await damage(value, 'number', 'f.number = 3');
      if (names.length > 0)
        expect((await faults()).join('\n'), JSON.stringify(value)).to.match(/^ledger: entr(y|ies) /m);
      await restore();
    }
    for (let done = 0; done < odd.length; done += lines.length) {
      for (const [index, value] of odd.slice(done, done + lines.length).entries()) {
        await damage(value, 'number', `f.number = ${lines[index]}`);
      }
      await expectStart();
      await restore();
    }
  });

  it('keeps nothing but the start from going on in every column of keyring, which then refuses', async function () {
    this.timeout(120_000);
    const odd = metadata.filter(({ tableName }) => tableName === 'keyring').flatMap(oddValuesOf);
    const restore = await keep('keyring');
    for (const value of odd) {
      // The largest texts are too long for a notice: they are only stored where the trigger is off as well.
      const names = await damage(value, 'id', 'true').catch(async () => {
        await run('alter table keyring disable trigger user');
        const damaged = await damage(value, 'id', 'true');
        await run('alter table keyring enable trigger user');
        return damaged;
      });
      const isNamed = (await faults()).some((fault) => fault.startsWith('keyring: '));
      expect(isNamed, JSON.stringify(value)).to.equal(names.length > 0 && isUnreadable(value));
      const failure = await expectStart().then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure, JSON.stringify(value)).not.to.be.instanceOf(TypeError).and.not.instanceOf(RangeError);
      expect(String(failure)).not.to.include('AssertionError');
      await restore();
    }
  });

  for (const [what, [seq, time]] of Object.entries({
    'the largest number': ['9223372036854775807', 'now()'],
    'the least number': ['-9223372036854775808', 'now()'],
    'the largest number that JavaScript counts': ['9007199254740991', 'now()'],
    'a time without end': ['1000', `'infinity'`],
    'a time before the first year': ['1000', `'4713-01-01 BC'`],
  })) {
    it(`is named in an event with ${what} that the role of the server has put in, and stops neither writing nor starting`, async () => {
      await newCredential(coffer);
      await run('set role coffer_app');
      const columns = (await columnsOf('audit_event')).split(', ');
      const values = columns.map(
        (column) => ({ seq, time: `${time}` })[column] ?? (column === 'mac' ? `'\\x00'` : column),
      );
      await run(`
        insert into audit_event (${columns.join()}) select ${values.join()} from audit_event
        where workspace_id is not null order by seq desc limit 1`);
      await run('reset role');
      await newCredential(coffer);
      expect((await faults()).join('\n')).to.include(`event ${seq} `);
      const [{ id } = {}] = await run('select id from credential limit 1');
      await run('update credential set is_active = false where id = $1', id);
      expect((await faults()).join('\n'))
        .to.include(`event ${seq} `)
        .and.include(`credential ${String(id)}`);
      await expectAnswers();
      await expectStart();
      expect((await faults()).join('\n')).to.include(`event ${seq} `);
      // The row that was put in leaves no other event without its head.
      expect((await faults()).filter((fault) => fault.includes('missing')).length).to.be.below(2);
    });
  }

  it('is named in a line with the largest number that the role of the server has put into the ledger, which goes on', async () => {
    await run('set role coffer_app');
    for (const number of ['9223372036854775807', '9007199254740991', '0', '-5']) {
      await run(
        `insert into audit_ledger select ${number}, kind, stream, time, heads, mac from audit_ledger where number = 1`,
      );
    }
    await run('reset role');
    for (let starts = 0; starts < 2; starts += 1) await expectStart();
    const found = (await faults()).filter((fault) => fault.startsWith('ledger: '));
    expect(found).to.have.length(4);
    for (const fault of found) expect(fault).to.match(/entry -?\d+ of the ledger was inserted/);
  });

  it('is known for every column of every table', () => {
    const known = [...Object.keys(tables), ...Object.keys(uncheckedTables), 'keyring', 'audit_ledger', 'seal'];
    expect(metadata.map(({ tableName }) => tableName)).to.have.members(known);
    for (const meta of metadata) expect(oddValuesOf(meta)).not.to.have.length(0);
  });
});

/** The place of an event is a number, which is in the text of others. */
function isOf(fault: string, name: string): boolean {
  return /^-?\d+$/.test(name) ? new RegExp(`events? ${name}\\b`).test(fault) : fault.includes(name);
}
