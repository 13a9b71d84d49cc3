import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { AuditService } from '../../../gen/coffer/v1/audit_service_pb.ts';
import { runCoffer } from '../../support/coffer-process.ts';
import { until } from '../../store/fixtures.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { textOf } from '../../support/json.ts';

const password = 'correct horse battery';
const path = '/v1/auditTrail:streamVerify';

describe('verifying the audit trail as a stream', () => {
  let coffer: TestCoffer;
  let superuser: Client;

  before(async () => {
    coffer = await startCoffer();
    superuser = new Client(coffer.database.connection);
    await superuser.connect();
    for (let number = 0; number < 3; number += 1) {
      const body = { credential: { name: 'n' }, secret: { api_key: 'k' } };
      await coffer.native('POST', '/v1/workspaces/default/credentials', body);
    }
  });

  after(async () => {
    await superuser.end();
    await coffer.stop();
  });

  const post = (body: object, token = coffer.adminToken, signal?: AbortSignal, origin = coffer.origin) =>
    fetch(origin + path, {
      method: 'POST',
      ...(signal && { signal }),
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  const streamed = async (body: object) => eventsOf(await post(body));

  it('answers progress first and the result last, as server-sent events that nothing stores or holds back', async () => {
    const response = await post({});
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.match(/^text\/event-stream/);
    expect(response.headers.get('cache-control')).to.equal('no-store');
    expect(response.headers.get('x-accel-buffering')).to.equal('no');
    const events = await eventsOf(response);
    expect(events[0]).to.include({ event: 'progress' });
    expect(events.at(-1)).to.include({ event: 'result' });
    expect(events.at(-1)?.data.result).to.include({ intact: true });
    const { done, total } = events.at(-2)?.data.progress ?? {};
    expect(done).to.equal(total);
  });

  for (const [name, transport] of [
    ['gRPC', (baseUrl: string) => createGrpcTransport({ baseUrl })],
    ['gRPC-Web', (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })],
    ['Connect', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
  ] as const) {
    it(`answers the same over ${name}`, async () => {
      const client = createClient(AuditService, transport(coffer.origin));
      const kinds: unknown[] = [];
      const headers = { authorization: `Bearer ${coffer.adminToken}` };
      for await (const { news } of client.streamVerifyAuditTrail({}, { headers })) kinds.push(news.case);
      expect([kinds[0], kinds.at(-1)]).to.deep.equal(['progress', 'result']);
    });
  }

  it('answers each fault by itself before the result, which holds it too', async () => {
    await superuser.query(`update audit_event set peer = 'x' || peer where seq = 3`);
    try {
      const events = await streamed({});
      const faults = events.filter(({ event }) => event === 'fault').map(({ data }) => data.fault);
      expect(faults).to.have.length(1);
      expect(faults[0]).to.include({ kind: 'CHANGED', sequence: '3' });
      expect(events.at(-1)?.data.result).to.deep.include({ intact: false, faults });
    } finally {
      await superuser.query(`update audit_event set peer = substr(peer, 2) where seq = 3`);
    }
  });

  it('begins after heads that were verified, which must be there, and still verifies all rows', async () => {
    const heads = (await streamed({})).at(-1)?.data.result.heads;
    const after = (await streamed({ verified_heads: heads })).at(-1)?.data.result;
    expect(after).to.deep.include({ intact: true, event_count: '1', heads });
    await superuser.query(`update audit_event set peer = 'x' || peer where seq = 2`);
    expect((await streamed({ verified_heads: heads })).at(-1)?.data.result).to.include({ intact: true });
    expect((await streamed({})).at(-1)?.data.result).to.include({ intact: false });
    await superuser.query(`update audit_event set peer = substr(peer, 2) where seq = 2`);
    await superuser.query('update credential set is_active = not is_active');
    expect((await streamed({ verified_heads: heads })).at(-1)?.data.result).to.include({ intact: false });
    await superuser.query('update credential set is_active = not is_active');
    const other = Object.fromEntries(
      Object.entries(heads ?? {}).map(([stream, head]) => [
        stream,
        String(head).replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
      ]),
    );
    expect((await streamed({ verified_heads: other })).at(-1)?.data.result).to.include({ intact: false });
  });

  it('is refused with a status before the first event', async () => {
    expect((await post({ verified_heads: { x: '1' } })).status).to.equal(400);
    expect((await post({}, await coffer.issueKey({ role: 'ADMIN' }))).status).to.equal(403);
    expect((await post({}, 'cof_unknown')).status).to.equal(401);
  });

  const holdUp = () => superuser.query('begin; lock table credential_version in access exclusive mode');

  describe('as server-sent events, while the database makes it wait', () => {
    afterEach(() => superuser.query('rollback'));

    it('ends with an error once its caller may no longer verify', async () => {
      const { user } = await coffer.native('POST', '/v1/users', { user: { name: 'second', is_owner: true }, password });
      const token = textOf(await coffer.native('POST', '/v1/login', { user: 'second', password }), 'token');
      await holdUp();
      const response = await post({}, token);
      await coffer.native('POST', `/v1/users/${textOf(user, 'id')}:deactivate`, {});
      const events = await eventsOf(response);
      expect(events.map(({ event }) => event)).not.to.include('result');
      expect(events.at(-1)).to.have.property('event', 'error');
      expect(events.at(-1)?.data).to.have.property('code', 'unauthenticated');
    });

    it('ends when its client goes away', async () => {
      const controller = new AbortController();
      await holdUp();
      await post({}, coffer.adminToken, controller.signal);
      await until(async () => (await waitingForLock()) > 0);
      controller.abort();
      await until(async () => (await waitingForLock()) === 0);
    });

    it('ends with an error when the server stops', async () => {
      const other = await startCoffer({ database: coffer.database, environment: coffer.environment });
      await holdUp();
      const response = await post({}, coffer.adminToken, undefined, other.origin);
      await other.stop();
      const events = await eventsOf(response);
      expect(events.at(-1)).to.have.property('event', 'error');
      expect(events.at(-1)?.data).to.have.property('code', 'unavailable');
    });
  });

  /** A transaction sees the sessions as they were when it first asked. */
  async function waitingForLock(): Promise<number> {
    await superuser.query('select pg_stat_clear_snapshot()');
    const { rows } = await superuser.query<{ count: number }>(
      `select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows[0]?.count ?? 0;
  }

  it('is what the command does, which prints heads to be given back', async function () {
    this.timeout(60_000);
    const folder = await mkdtemp(join(tmpdir(), 'coffer-heads-'));
    const file = join(folder, 'heads.json');
    try {
      const first = await runCoffer(['audit-verify'], coffer.environment);
      expect(first.exitCode, first.output).to.equal(0);
      const line = first.output.split('\n').find((text) => text.startsWith('{')) ?? '';
      await writeFile(file, line);
      const again = await runCoffer(['audit-verify', '--heads', file, '--continue'], coffer.environment);
      expect(again.exitCode, again.output).to.equal(0);
      await writeFile(file, line.replace(/"(\d+):/, '"99$1:'));
      const cut = await runCoffer(['audit-verify', '--heads', file], coffer.environment);
      expect([cut.exitCode, cut.output.includes('TAIL_CUT')], cut.output).to.deep.equal([1, true]);
      await writeFile(file, 'no heads');
      expect((await runCoffer(['audit-verify', '--heads', file], coffer.environment)).exitCode).to.equal(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** The events of an answer, without what is said of the connection. */
async function eventsOf(response: Response) {
  const blocks = (await response.text()).split('\n\n').filter((block) => block.includes('data:'));
  return blocks.map((block) => ({
    event: /^event: (.*)$/m.exec(block)?.[1],
    data: Object(JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? 'null')),
  }));
}
