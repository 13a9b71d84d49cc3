import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Client } from 'pg';
import type { KeyedAuditChain } from '../../src/audit/keyed-audit-chain.ts';
import { auditPrune } from '../../src/commands/audit-prune.ts';
import { formatEvent } from '../../src/commands/audit-export.ts';
import { parseOptions, parseTimeOption } from '../../src/commands/options.ts';
import { UsageError } from '../../src/commands/usage.ts';
import { readConfig } from '../../src/start/read-config.ts';
import { StopRequests } from '../../src/start/stop-requests.ts';
import { newEvent } from '../store/fixtures.ts';
import { newChain } from '../audit/fixtures.ts';
import { runCoffer } from '../support/coffer-process.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { parseObject, textOf } from '../support/json.ts';
import { rejectionOf } from '../support/refusals.ts';

describe('the commands for the audit trail', () => {
  let coffer: TestCoffer;
  let superuser: Client;

  before(async () => {
    coffer = await startCoffer();
    superuser = new Client(coffer.database.connection);
    await superuser.connect();
    await createAndReveal();
  });

  after(async () => {
    await superuser.end();
    await coffer.stop();
  });

  async function createAndReveal(): Promise<string> {
    const body = { credential: { name: 'n' }, secret: { api_key: 'sk-not-in-the-trail' } };
    const id = textOf(await coffer.native('POST', '/v1/workspaces/default/credentials', body), 'credential', 'id');
    await coffer.native('POST', `/v1/workspaces/default/credentials/${id}:reveal`, { purpose: 'a "drill"' });
    return id;
  }

  const run = (...parameters: string[]) => runCoffer(parameters, coffer.environment);

  async function exported(...options: string[]) {
    const { exitCode, output } = await run('audit-export', ...options);
    expect(exitCode, output).to.equal(0);
    return output.split('\n').slice(0, -1).map(parseObject);
  }

  async function stored(): Promise<Record<string, unknown>[]> {
    return (await superuser.query('select * from audit_event order by stream, seq')).rows;
  }

  async function verify(expected: JsonObject = {}) {
    return coffer.native('POST', '/v1/auditTrail:verify', { expected_heads: expected });
  }

  /** Takes the first bytes and goes. */
  async function exitAfterFirstBytes(): Promise<[unknown, string]> {
    const program = resolve(import.meta.dirname, '../../bin/coffer.mjs');
    const child = spawn(process.execPath, [program, 'audit-export'], { env: coffer.environment });
    let told = '';
    child.stderr.on('data', (chunk) => (told += String(chunk)));
    child.stdout.once('data', () => child.stdout.destroy());
    const [exitCode] = await once(child, 'close');
    return [exitCode, told];
  }

  for (const [place, spoil, mend] of [
    [
      '1',
      `update audit_event set time = 'infinity' where seq = 1`,
      `update audit_event set time = kept.time from kept where seq = 1`,
    ],
    [
      '9223372036854775807',
      `insert into audit_event select (jsonb_populate_record(e, '{"seq": 9223372036854775807}')).* from audit_event e where seq = 1`,
      'delete from audit_event where seq = 9223372036854775807',
    ],
  ] as const) {
    it(`name the event ${place} that cannot be read, and export all others, while nothing is pruned`, async () => {
      await superuser.query('create temporary table kept as select time from audit_event where seq = 1');
      try {
        await superuser.query(spoil);
        const before = await stored();
        const { exitCode, output } = await run('audit-export');
        expect(exitCode).to.equal(0);
        expect(output).to.match(new RegExp(`event ${place} of stream \\S+ cannot be read, and is left out`));
        expect(output.split('\n').filter((line) => line.startsWith('{'))).to.have.length(before.length - 1);
        const pruned = await run('audit-prune', '--before', '2020-01-01', '--despite-rows');
        expect(pruned.exitCode).to.equal(1);
        expect(pruned.output).to.include(`event ${place} cannot be read`);
      } finally {
        await superuser.query(mend);
        await superuser.query('drop table kept');
      }
    });
  }

  describe('audit-export', () => {
    it('prints every event as a line of JSON, with its position and all its fields, and no secret', async () => {
      const rows = await stored();
      const lines = await exported();
      expect(rows.length).to.be.greaterThan(2);
      expect(lines).to.deep.equal(rows.map(asLine));
      expect(lines.map(({ action }) => action)).to.include.members(['instance.set_up', 'secrets.reveal']);
      expect(lines.find(({ action }) => action === 'secrets.reveal')).to.include({ purpose: 'a "drill"', version: 1 });
      expect(JSON.stringify(lines)).not.to.include('sk-not-in-the-trail').and.not.to.include(coffer.adminToken);
    });

    it('prints the events of a span: its beginning belongs to it, its end does not', async () => {
      const [first, second] = (await exported()).map((line) => textOf(line, 'time'));
      if (first === undefined || second === undefined) throw new Error('there are no two events');
      expect(new Set((await exported('--from', first, `--to=${second}`)).map(({ time }) => time))).to.deep.equal(
        new Set(first === second ? [] : [first]),
      );
      expect(await exported('--from', '2099-01-01', '--to', '2099-01-02')).to.deep.equal([]);
    });

    it('prints more than is read at a time, and fails when its reader has gone before the end', async function () {
      this.timeout(60_000);
      await superuser.query('create table kept as select * from audit_event');
      const columns = `stream, prev, mac, time, workspace_id, actor_kind, actor_id, actor_name, authentication, action,
        resource_kind, resource_id, outcome, protocol, dialect, peer, request_id, count`;
      await superuser.query(
        `insert into audit_event (seq, id, ${columns})
         select 1000 + n, gen_random_uuid(), ${columns} from (select * from kept limit 1), generate_series(1, 3500) n`,
      );
      const lines = await exported();
      expect(lines).to.have.length((await stored()).length);
      expect(new Set(lines.map(({ id }) => id)).size).to.equal(lines.length);
      expect(await exitAfterFirstBytes()).to.deep.equal([
        1,
        'coffer: the export is not complete: its reader has gone\n',
      ]);
      await superuser.query('delete from audit_event where seq > 1000');
      await superuser.query('drop table kept');
    });
  });

  describe('audit-prune', () => {
    it('refuses a time that is missing, that has not passed, or that is none, and deletes nothing', async () => {
      const before = await stored();
      const config = readConfig(coffer.environment, () => '');
      const wrong: [string[], string][] = [
        [[], '--before TIME is needed'],
        [['--before', '2999-01-01'], 'a time that has passed'],
        [['--before', 'yesterday'], '--before takes a time such as'],
        [['--from', '2020-01-01'], "Unknown option '--from'"],
        [['2020-01-01'], 'Unexpected argument'],
      ];
      for (const [options, message] of wrong) {
        const error = await rejectionOf(auditPrune(config, options, new StopRequests({ source: process })));
        expect(error).to.be.instanceOf(UsageError).with.property('message').that.includes(message);
      }
      expect(await stored()).to.deep.equal(before);
    });

    it('deletes nothing where the trail was tampered with, and names the first fault', async () => {
      await superuser.query(`update audit_event set peer = 'x' || peer where action = 'secrets.reveal'`);
      const before = await stored();
      const { exitCode, output } = await run('audit-prune', '--before', new Date().toISOString());
      expect(exitCode).to.equal(1);
      expect(output).to.match(
        /^coffer: nothing is pruned, because the audit trail does not verify: [-0-9a-f]{36}: event \d+ was changed\n$/,
      );
      expect(await stored()).to.deep.equal(before);
      await superuser.query(`update audit_event set peer = substr(peer, 2) where action = 'secrets.reveal'`);
      expect(await verify()).to.include({ intact: true });
    });

    it('deletes nothing where a row differs from the trail, unless that is requested', async () => {
      const before = await stored();
      await superuser.query('update credential set is_active = not is_active');
      const options = ['audit-prune', '--before', '2020-01-01'];
      const { exitCode, output } = await run(...options);
      expect([exitCode, await stored()]).to.deep.equal([1, before]);
      expect(output).to.match(/: credential: credential [-0-9a-f]{36} of workspace [-0-9a-f]{36} was changed/);
      expect((await run(...options, '--despite-rows')).exitCode).to.equal(0);
      await superuser.query('update credential set is_active = not is_active');
    });

    it('prunes beside a running server, prints what, and leaves a trail that verifies and shows what is removed', async () => {
      const heads = parseObject(JSON.stringify((await verify())['heads']));
      const ended = (await stored()).length;
      const { database, environment } = coffer;
      await coffer.stop();
      coffer = await startCoffer({ database, environment });
      const [first] = Object.keys(heads);
      await createAndReveal();
      await createAndReveal();
      const running = (await stored()).length - ended;
      const time = new Date().toISOString();
      const { exitCode, output } = await run('audit-prune', '--before', time);
      expect(exitCode, output).to.equal(0);
      expect(output).to.include(`${ended} events of stream ${first} are pruned\n`);
      expect(output).to.include(`${ended + running - 1} events before ${time} are pruned in all from instance `);
      // The last one of the server, whose stream no later start has told yet, and the one about the pruning.
      expect((await stored()).map(({ action }) => action)).to.have.members(['secrets.reveal', 'audit.prune']);
      expect(await verify(heads)).to.deep.include({ intact: true });
      await createAndReveal();
      expect(await verify(heads)).to.deep.include({ intact: true });
      await superuser.query(`delete from audit_event where action = 'credentials.create'`);
      const { faults, intact } = await verify();
      expect(intact).not.to.equal(true);
      expect(faults).to.have.length(1);
      expect(JSON.stringify(faults)).to.include('REMOVED');
    });
  });

  it('refuse options that no command has', async () => {
    for (const parameters of [
      ['help', 'me'],
      ['audit-export', '--before', '2020-01-01'],
    ]) {
      const { exitCode, output } = await run(...parameters);
      expect([exitCode, output.includes('usage: coffer')], parameters.join(' ')).to.deep.equal([2, true]);
    }
  });
});

/** What the export says of a row. */
function asLine({ prev, mac, seq, time, ...row }: Record<string, unknown>): object {
  const place = { sequence: Number(seq), previous: hex(prev), mac: hex(mac) };
  return { ...row, ...place, time: new Date(Object(time)).toISOString() };
}

function hex(bytes: unknown): string {
  return Buffer.from(Object(bytes)).toString('hex');
}

describe('a line of the export', () => {
  let chain: KeyedAuditChain;

  before(async () => {
    chain = await newChain();
  });

  it('is one line whatever an event contains', () => {
    const event = newEvent({ actorName: 'two\nlines "and" \u2028 more' });
    const line = formatEvent(chain.link('018cc251-f400-7000-8000-00000000000a', chain.origin, event));
    expect(line.indexOf('\n')).to.equal(line.length - 1);
    expect(parseObject(line)).to.include({ actor_name: event.actorName, workspace_id: null, count: 1, sequence: 1 });
  });
});

function beforeOf(...parameters: readonly string[]): Date | undefined {
  return parseTimeOption('before', parseOptions(parameters, { before: { type: 'string' } }).before);
}

describe('options that are times', () => {
  it('are days in UTC, or moments', () => {
    expect(beforeOf('--before', '2024-02-29')?.toISOString()).to.equal('2024-02-29T00:00:00.000Z');
    expect(beforeOf('--before', '2024-02-29T09:30Z')?.toISOString()).to.equal('2024-02-29T09:30:00.000Z');
    expect(beforeOf('--before', '2024-02-29T09:30:15.123+02:00')?.toISOString()).to.equal('2024-02-29T07:30:15.123Z');
    expect(beforeOf('--before', '0099-12-31T23:59:59.9999999Z')?.toISOString()).to.equal('0099-12-31T23:59:59.999Z');
  });

  it('are absent where they are not given', () => {
    expect(beforeOf()).to.equal(undefined);
  });

  for (const text of [
    '',
    '2024',
    '2023-02-29',
    '2024-02-30T00:00:00Z',
    '2024-13-01',
    '2024-01-01T09:30',
    '2024-01-01T25:00Z',
    '2024-01-01T24:00Z',
    '2016-12-31T23:59:60Z',
    '2024-01-01T00:00+24:00',
    '0000-01-01',
    '9999-12-31T23:59-00:01',
    '1700000000',
    'now',
  ]) {
    it(`are not "${text}"`, () => {
      expect(() => beforeOf(`--before=${text}`)).to.throw(UsageError, '--before takes a time');
    });
  }
});
