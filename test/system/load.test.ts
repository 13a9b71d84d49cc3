import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { JsonObject } from '../../src/vault/json.ts';
import { Ledger } from '../load/ledger.ts';
import { nativeRest, scale } from '../load/rest-client.ts';
import { connectJson, grpc, grpcWeb } from '../load/rpc-client.ts';
import type { Connect } from '../load/vault-client.ts';
import { Worker } from '../load/worker.ts';
import { startCofferProcess, type CofferProcess } from '../support/coffer-process.ts';
import { parseObject, textOf } from '../support/json.ts';
import { sharedPostgres, type TestDatabase } from '../support/postgres.ts';

/** Of each of the runs below: 12 s in all, unless more is asked for. */
const seconds = Number(process.env['LOAD_SECONDS'] ?? 4);
const connections = 64;
const protocols: readonly Connect[] = [nativeRest, scale, connectJson, grpc, grpcWeb];
const sharedOfEachKind = 4;

for (const processCount of [1, 2, 3]) {
  describe(`${connections} callers of five protocols, for ${seconds} s, with ${processCount} of Coffer's processes`, function () {
    // The answers are compared one by one at the end, which takes as long again.
    this.timeout(60_000 + seconds * 5_000);
    const names = Array.from({ length: sharedOfEachKind }, (_, index) => `contended ${index}`);
    const ledger = new Ledger(names);
    let folder: string;
    let database: TestDatabase;
    let processes: readonly CofferProcess[] = [];
    let events: ReadonlyMap<string, number>;

    before(async () => {
      database = await (await sharedPostgres()).createDatabase();
      folder = await mkdtemp(join(tmpdir(), 'coffer-load-'));
      processes = await startProcesses(processCount, folder, database);
      const [first] = processes;
      await shareCredentials(ledger, first);
      await loadAll({ ledger, processes, viewerToken: await issueViewerKey(first) });
      events = await countEvents(database);
    });

    after(async () => {
      await Promise.all(processes.map((process) => process.stop()));
      await rm(folder, { recursive: true, force: true });
    });

    it('gives no answer that the model does not explain', async () => {
      expect(ledger.faults).to.deep.equal([]);
      expect(ledger.events.get('credentials.create')).to.be.greaterThan(connections);
      for (const lives of ledger.names.values()) expect(lives.faults()).to.deep.equal([]);
      for (const { secret } of ledger.registers) expect(secret.faults()).to.deep.equal([]);
    });

    it('has written one event for each change, each reveal and each denial, and no other', () => {
      expect(Object.fromEntries(events)).to.deep.equal(Object.fromEntries(ledger.events));
    });

    it('has written a trail that each process finds intact', async () => {
      for (const process of processes) {
        const { intact, faults, heads } = await call(process, 'POST', '/v1/auditTrail:verify', {});
        expect({ intact, faults: faults ?? [] }).to.deep.equal({ intact: true, faults: [] });
        expect(Object.keys(Object(heads))).to.have.length.at.least(processCount);
      }
    });

    it('holds what was acknowledged, and nothing else, whichever process is asked', async () => {
      for (const process of processes) {
        const found = new Map((await listAll(process)).map((one) => [textOf(one, 'id'), one]));
        const shared = [...ledger.chained, ...ledger.registers];
        expect([...found.keys()]).to.have.members([...ledger.held.keys(), ...shared.map(({ id }) => id)]);
        for (const [id, { name, description }] of ledger.held) {
          expect({ description: '', ...found.get(id) }).to.include({ name, description });
        }
        for (const { id, changes } of ledger.chained)
          expect(changes.faults(textOf(found.get(id), 'etag'))).to.deep.equal([]);
      }
    });

    it('counts each use once', async () => {
      const wanted = [...ledger.held.keys()].map((id) => [id, ledger.reveals.get(id) ?? 0]);
      // Uses are written a second later; the test's time is the limit.
      let counts = await usesOf(processes[0]);
      while (wanted.some(([id, count]) => (counts.get(String(id)) ?? 0) < Number(count)))
        counts = await usesOf(processes[0]);
      expect([...counts].filter(([id]) => ledger.held.has(id))).to.have.deep.members(wanted);
    });

    it('reveals what was acknowledged, through whichever protocol', async () => {
      const clients = processes.flatMap(({ origin, adminToken }) => protocols.map((open) => open(origin, adminToken)));
      const queue = [...ledger.held, ...ledger.chained.map((one) => [one.id, one] as const)].values();
      const reveal = async (client: (typeof clients)[number]) => {
        for (const [id, { value }] of queue) expect(await client.reveal(id)).to.equal(value);
        client.close();
      };
      await Promise.all(clients.map(reveal));
    });
  });
}

async function startProcesses(count: number, folder: string, { url }: TestDatabase): Promise<readonly CofferProcess[]> {
  const environment = {
    COFFER_DATABASE_URL: url,
    COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
    COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
    COFFER_LOG_LEVEL: 'warn',
  };
  // All at once, so that migrations and the first keys are contended as well.
  const starts = Array.from({ length: count }, (_, index) =>
    startCofferProcess(join(folder, String(index)), environment),
  );
  return Promise.all(starts);
}

async function shareCredentials(ledger: Ledger, process: CofferProcess | undefined): Promise<void> {
  const client = nativeRest(originOf(process), tokenOf(process));
  for (let made = 0; made < sharedOfEachKind; made++) {
    for (const kind of ['chained', 'registers'] as const) {
      const draft = { name: `${kind} ${made}`, value: `first ${made}` };
      ledger.share(kind, await client.create(draft), draft);
      ledger.count('credentials.create');
    }
  }
}

async function issueViewerKey(process: CofferProcess | undefined): Promise<string> {
  const path = '/v1/workspaces/default/apiKeys';
  return textOf(await call(process, 'POST', path, { name: 'viewer', role: 'VIEWER' }), 'token');
}

async function loadAll(parts: {
  readonly ledger: Ledger;
  readonly processes: readonly CofferProcess[];
  readonly viewerToken: string;
}): Promise<void> {
  const { ledger, processes, viewerToken } = parts;
  const end = performance.now() + seconds * 1_000;
  const isOver = () => performance.now() > end || ledger.faults.length > 0;
  const run = async (open: Connect) => {
    const clients = processes.map(({ origin, adminToken }) => open(origin, adminToken));
    const viewers = processes.map(({ origin }) => open(origin, viewerToken));
    try {
      await new Worker({ ledger, clients, viewers }).work(isOver);
    } catch (error) {
      ledger.faults.push(String(error));
    } finally {
      for (const client of [...clients, ...viewers]) client.close();
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, index) => run(protocolAt(index))));
}

/** Without the events of the start and of the key for viewers. */
const eventCounts = `select action, count(*)::int as count from audit_event
  where action ~ '^(credentials|secrets|access)[.]' group by action`;

async function countEvents({ connection }: TestDatabase): Promise<ReadonlyMap<string, number>> {
  const session = new Client(connection);
  await session.connect();
  try {
    const { rows } = await session.query<{ action: string; count: number }>(eventCounts);
    return new Map(rows.map(({ action, count }) => [action, count]));
  } finally {
    await session.end();
  }
}

async function listAll(process: CofferProcess | undefined): Promise<readonly JsonObject[]> {
  const all: JsonObject[] = [];
  let token = '';
  do {
    const page = await call(process, 'GET', `/v1/workspaces/default/credentials?page_size=1000&page_token=${token}`);
    const { credentials } = page;
    for (const one of Array.isArray(credentials) ? credentials : []) all.push(parseObject(JSON.stringify(one)));
    token = typeof page['next_page_token'] === 'string' ? page['next_page_token'] : '';
  } while (token !== '');
  return all;
}

async function usesOf(process: CofferProcess | undefined): Promise<ReadonlyMap<string, number>> {
  const all = await listAll(process);
  return new Map(all.map((one) => [textOf(one, 'id'), Number(one['use_count'] ?? 0)]));
}

async function call(process: CofferProcess | undefined, method: string, path: string, body?: JsonObject) {
  const headers = { authorization: `Bearer ${tokenOf(process)}`, 'content-type': 'application/json' };
  const request = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  const response = await fetch(originOf(process) + path, request);
  expect(response.status, path).to.equal(200);
  return parseObject(await response.text());
}

function originOf(process: CofferProcess | undefined): string {
  return process?.origin ?? '';
}

function tokenOf(process: CofferProcess | undefined): string {
  return process?.adminToken ?? '';
}

function protocolAt(index: number): Connect {
  const protocol = protocols[index % protocols.length];
  if (!protocol) throw new RangeError('there is no protocol');
  return protocol;
}
