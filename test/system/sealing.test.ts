import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { Client } from 'pg';
import { KeyService } from '../../gen/coffer/v1/key_service_pb.ts';
import { EventService } from '../../gen/coffer/v1/event_service_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../gen/health/v1/health_pb.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { textOf } from '../support/json.ts';
import { refusalOf } from '../support/refusals.ts';
import { reasonIn, sendTo, type SealedAnswer } from '../support/sealed-coffer.ts';

const credentials = '/v1/workspaces/default/credentials';

function call(server: TestCoffer, method: string, path: string, body?: object): Promise<SealedAnswer> {
  return sendTo(server.origin + path, {
    method,
    body: body && JSON.parse(JSON.stringify(body)),
    token: server.adminToken,
  });
}

function unseal(server: TestCoffer): Promise<SealedAnswer> {
  return call(server, 'POST', '/v1/keys:unseal', { key: server.environment['COFFER_MASTER_KEY'] });
}

function iterate<Item>(items: AsyncIterable<Item>): AsyncIterator<Item> {
  return items[Symbol.asyncIterator]();
}

async function untilSealed(server: TestCoffer): Promise<void> {
  for (;;) {
    const answer = await call(server, 'GET', '/v1/whoami');
    if (answer.status === 200) continue;
    expect(reasonIn(answer)).to.equal('SEALED');
    return;
  }
}

describe('three servers of one vault', () => {
  let servers: readonly TestCoffer[];
  let owner: Client;

  const only = (): TestCoffer => servers[0] ?? expect.fail('there is a server');

  before(async () => {
    const first = await startCoffer();
    const { database, environment } = first;
    const others = await Promise.all([1, 2].map(() => startCoffer({ database, environment })));
    servers = [first, ...others];
    owner = new Client(database.connection);
    await owner.connect();
  });

  after(async () => {
    await owner.end();
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('are not sealed by a caller who is no owner', async () => {
    const server = only();
    const token = await server.issueKey({ role: 'ADMIN' });
    const refused = await sendTo(`${server.origin}/v1/keys:seal`, { method: 'POST', body: {}, token });
    expect(refused.status).to.equal(403);
    expect(
      (await sendTo(`${server.origin}/v1/keys:seal`, { method: 'POST', body: {}, token: undefined })).status,
    ).to.equal(401);
    expect((await call(server, 'GET', '/v1/whoami')).status).to.equal(200);
  });

  it('are not sealed by a notice or a row that Coffer has not written', async () => {
    await owner.query(`insert into seal (id, number, sealed_at, mac) values (1, 7, now(), '\\x00')`);
    await owner.query(`notify coffer_grants, 'seal:7'`);
    // A later notice, which is heard after that one.
    const token = await only().issueKey({ role: 'VIEWER' });
    for (const server of servers) {
      expect((await sendTo(`${server.origin}/v1/whoami`, { method: 'GET', body: undefined, token })).status).to.equal(
        200,
      );
      expect(
        (await call(server, 'POST', credentials, { credential: { name: 'n' }, secret: { k: 'v' } })).status,
      ).to.equal(200);
    }
  });

  it('are all sealed by an owner at one, with their streams and their health, and each is unsealed by itself', async () => {
    const [first, ...others] = servers;
    if (!first) return;
    const transports = servers.map(({ origin }) => createGrpcTransport({ baseUrl: origin }));
    const headers = { authorization: `Bearer ${first.adminToken}` };
    const streams = transports.map((transport) =>
      iterate(createClient(EventService, transport).watchCredentials({ workspaceId: 'default' }, { headers })),
    );
    const watching = new AbortController();
    const healths = transports.map((transport) =>
      iterate(createClient(Health, transport).watch({}, { signal: watching.signal })),
    );
    for (const health of healths) expect((await health.next()).value).to.include({ status: Status.SERVING });
    const ends = streams.map((stream) => refusalOf(endOf(stream), ConnectError));

    expect((await call(first, 'POST', '/v1/keys:seal', {})).body).to.deep.equal({ sealed: true });
    expect(reasonIn(await call(first, 'GET', '/v1/whoami'))).to.equal('SEALED');
    for (const server of others) await untilSealed(server);
    for (const end of ends) {
      const refusal = await end;
      expect(refusal.code).to.equal(Code.Unavailable);
      expect(refusal.findDetails(ErrorInfoSchema)[0]?.reason).to.equal('SEALED');
    }
    for (const health of healths) expect((await health.next()).value).to.include({ status: Status.NOT_SERVING });
    for (const { origin } of servers) expect((await fetch(`${origin}/readyz`)).status).to.equal(503);

    expect((await unseal(first)).body).to.deep.include({ sealed: false });
    expect((await healths[0]?.next())?.value).to.include({ status: Status.SERVING });
    for (const server of others) await untilSealed(server);
    for (const server of others) await unseal(server);
    for (const health of healths.slice(1)) expect((await health.next()).value).to.include({ status: Status.SERVING });
    watching.abort();
  });

  it('serve as before once they are unsealed, and have it in the trail', async () => {
    for (const server of servers) {
      const made = await server.native('POST', credentials, {
        credential: { name: 'after' },
        secret: { key: 'value' },
      });
      const id = textOf(made, 'credential', 'id');
      const revealed = await server.native('POST', `${credentials}/${id}:reveal`, {});
      expect(revealed['secret']).to.deep.equal({ key: 'value' });
    }
    const { audit_events: events } = await only().native('GET', '/v1/auditEvents?page_size=100');
    const actions = Array.from<object>(Object(events)).map(
      (event) => `${Object(event).action} ${Object(event).outcome}`,
    );
    expect(actions.filter((action) => action === 'keys.seal OK')).to.have.length(1);
    expect(actions.filter((action) => action === 'keys.unseal OK')).to.have.length(3);
    const verified = await only().native('POST', '/v1/auditTrail:verify', {});
    expect(verified['intact']).to.equal(true);
  });

  it('are not unsealed for another vault that was put in the place of theirs', async () => {
    const [server] = servers;
    const other = await startCoffer();
    if (!server) return;
    await call(server, 'POST', '/v1/keys:seal', {});
    const foreign = new Client(other.database.connection);
    await foreign.connect();
    const columns = 'instance_id, derivation, salt, master_fingerprint, canary, wrapped_keys, wrapped_master';
    const { rows } = await foreign.query(`select ${columns} from keyring`);
    await foreign.end();
    const { rows: own } = await owner.query(`select ${columns} from keyring`);
    await owner.query(`set session_replication_role = replica`);
    const replace = (row: object) =>
      owner.query(
        `update keyring set (${columns}) = ($1, $2, $3, $4, $5, $6, $7)`,
        columns.split(', ').map((name) => Reflect.get(row, name)),
      );
    await replace(rows[0]);
    const refused = await call(server, 'POST', '/v1/keys:unseal', { key: other.environment['COFFER_MASTER_KEY'] });
    expect([refused.status, refused.body['code']]).to.deep.equal([400, 'failed_precondition']);
    expect(refused.body['message']).to.contain('another vault');
    await replace(own[0]);
    await owner.query(`set session_replication_role = default`);
    await other.stop();
    for (const one of servers) await untilSealed(one).then(() => unseal(one));
    expect((await call(server, 'GET', '/v1/whoami')).status).to.equal(200);
  });

  it('refuse calls in flight as SEALED or answer them rightly, and lose none that was answered', async () => {
    const server = only();
    const keys = createClient(KeyService, createGrpcTransport({ baseUrl: server.origin }));
    const names = Array.from({ length: 60 }, (_, index) => `in flight ${index}`);
    const creating = names.map((name) =>
      call(server, 'POST', credentials, { credential: { name }, secret: { k: name } }),
    );
    const sealing = keys.seal({}, { headers: { authorization: `Bearer ${server.adminToken}` } });
    const answers = await Promise.all(creating);
    await sealing;
    for (const answer of answers) if (answer.status !== 200) expect(reasonIn(answer)).to.equal('SEALED');
    for (const one of servers) await untilSealed(one).then(() => unseal(one));
    for (const { body, status } of answers) {
      if (status !== 200) continue;
      const { id, name } = Object(body).credential;
      const { secret } = await server.native('POST', `${credentials}/${id}:reveal`, {});
      expect(secret).to.deep.equal({ k: name });
    }
  });
});

async function endOf(stream: AsyncIterator<unknown>): Promise<void> {
  for (;;) if ((await stream.next()).done === true) return;
}
