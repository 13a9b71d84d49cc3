import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { credentials, Client as GrpcClient, type ServiceError } from '@grpc/grpc-js';
import { fromBinary } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Writable } from 'node:stream';
import { Client } from 'pg';
import { pino } from 'pino';
import { AccessService, WhoAmIResponseSchema } from '../../gen/coffer/v1/access_service_pb.ts';
import { startCoffer as startServer, type RunningCoffer } from '../../src/start/coffer.ts';
import { readConfig } from '../../src/start/read-config.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { createAuthority, type Identity } from '../gateway/certificates.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { parseObject, textOf } from '../support/json.ts';

interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

const rawRequest = 'GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const asItIs = (bytes: Buffer): Buffer => bytes;
const billing = 'URI:spiffe://example.org/billing';

describe('a Coffer that asks for client certificates', () => {
  const authority = createAuthority();
  const server = authority.issue('localhost');
  const clientOf = (...names: string[]): Identity => authority.issue('client', { names });
  const known = clientOf(billing);
  let directory: string;
  /** Serves the same data in clear, to make keys. */
  let coffer: TestCoffer;
  let secured: RunningCoffer;
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  let keyId: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'coffer-tls-'));
    coffer = await startCoffer();
    keyId = textOf(await issue(billing), 'api_key', 'id');
    await put('cert.pem', server.certificate);
    await put('key.pem', server.privateKey);
    await put('ca.pem', authority.certificate);
    const config = readConfig(
      {
        ...coffer.environment,
        COFFER_TLS_CERT: join(directory, 'cert.pem'),
        COFFER_TLS_KEY: join(directory, 'key.pem'),
        COFFER_TLS_CLIENT_CA: join(directory, 'ca.pem'),
        COFFER_MANAGEMENT_PORT: '0',
      },
      () => '',
    );
    const log = pino(
      new Writable({
        write(chunk, _, done) {
          lines.push(String(chunk));
          for (const watcher of watchers) watcher();
          done();
        },
      }),
    );
    secured = await startServer(config, { clock: { now: () => new Date() }, log });
  });
  after(async () => {
    await secured.stop();
    await coffer.stop();
    await rm(directory, { recursive: true });
  });

  /** Whole or not at all, as those do who replace certificates. */
  async function put(name: string, text: string): Promise<void> {
    await writeFile(join(directory, `${name}.new`), text);
    await rename(join(directory, `${name}.new`), join(directory, name));
  }

  const issue = (name: string, change: JsonObject = {}): Promise<JsonObject> =>
    coffer.native('POST', `/v1/workspaces/${coffer.defaultWorkspaceId}/apiKeys`, {
      name: 'billing',
      role: 'RUNTIME',
      certificate_san: name,
      ...change,
    });
  const revoke = (id: string): Promise<JsonObject> =>
    coffer.native('POST', `/v1/workspaces/${coffer.defaultWorkspaceId}/apiKeys/${id}:revoke`, {});

  function tlsOf({ certificate, privateKey }: Identity) {
    return { ca: authority.certificate, cert: certificate, key: privateKey };
  }

  /** Over HTTP/1.1, on a connection of its own. */
  function whoAmI(identity: Identity, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { ...tlsOf(identity), headers, agent: false };
      httpsRequest(`${secured.origin}/v1/whoami`, options, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parseObject(text) }));
      })
        .on('error', reject)
        .end();
    });
  }

  it('asks for none where the management listener answers probes and metrics', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      const response = await fetch(`${secured.managementOrigin}${path}`);
      expect(response.status, path).to.equal(200);
      await response.arrayBuffer();
    }
  });

  it('takes the holder of a certificate for the key of its name, over HTTP/1.1', async () => {
    const { status, body } = await whoAmI(known);
    expect(status).to.equal(200);
    expect(body).to.include({ kind: 'api_key', id: keyId, name: 'billing' });
  });

  it('does so for every request of an HTTP/2 connection', async () => {
    const session = connectHttp2(secured.origin, tlsOf(known));
    const answers = [await whoAmIOver(session), await whoAmIOver(session)];
    session.destroy();
    expect(answers.map(({ body }) => body['id'])).to.deep.equal([keyId, keyId]);
  });

  it('does so over gRPC, with the client of gRPC and with another', async () => {
    const nodeOptions = tlsOf(known);
    const access = createClient(AccessService, createGrpcTransport({ baseUrl: secured.origin, nodeOptions }));
    expect((await access.whoAmI({})).id).to.equal(keyId);

    const [ca, key, cert] = [authority.certificate, known.privateKey, known.certificate].map((pem) => Buffer.from(pem));
    const client = new GrpcClient(new URL(secured.origin).host, credentials.createSsl(ca, key, cert), {
      'grpc.ssl_target_name_override': 'localhost',
    });
    const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
      const done = (error: ServiceError | null, response?: Buffer) => (error ? reject(error) : resolve(response));
      client.makeUnaryRequest('/coffer.v1.AccessService/WhoAmI', asItIs, asItIs, Buffer.alloc(0), done);
    });
    client.close();
    expect(fromBinary(WhoAmIResponseSchema, answer ?? Buffer.alloc(0)).id).to.equal(keyId);
  });

  it('records the authentication method', async () => {
    const created = await coffer.native('POST', '/v1/workspaces/default/credentials', {
      credential: { name: 'GitHub' },
      secret: { token: 'ghp_example' },
    });
    const id = textOf(created, 'credential', 'id');
    const status = await new Promise((resolve, reject) => {
      const url = `${secured.origin}/v1/workspaces/default/credentials/${id}:reveal`;
      httpsRequest(url, { ...tlsOf(known), method: 'POST', agent: false }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      })
        .on('error', reject)
        .end();
    });
    expect(status).to.equal(200);
    const client = new Client(coffer.database.connection);
    await client.connect();
    const { rows } = await client.query(`select * from audit_event where action = 'secrets.reveal'`);
    await client.end();
    expect(rows).to.have.lengthOf(1);
    expect(rows[0]).to.include({ actor_kind: 'api_key', actor_id: keyId, authentication: 'client_certificate' });
  });

  it('takes the token where one is sent, and refuses a bad one', async () => {
    const viewer = await coffer.issueKey({ role: 'VIEWER' });
    expect((await whoAmI(known, { authorization: `Bearer ${viewer}` })).body).to.include({ name: 'a VIEWER key' });
    expect((await whoAmI(known, { 'x-api-key': viewer })).body).to.include({ name: 'a VIEWER key' });
    expect((await whoAmI(known, { authorization: 'Bearer junk' })).status).to.equal(401);
  });

  it('does not authenticate by a name that has no key, but by a token', async () => {
    const stranger = clientOf('DNS:billing.example', 'URI:spiffe://example.org/billing2');
    expect((await whoAmI(stranger)).status).to.equal(401);
    expect((await whoAmI(stranger, { authorization: `Bearer ${coffer.adminToken}` })).status).to.equal(200);
  });

  it('takes no notice of a certificate behind which a page may stand', async () => {
    expect((await whoAmI(known, { origin: 'https://evil.example' })).status).to.equal(401);
  });

  it('takes a name for a host in whatever letters', async () => {
    await issue('DNS:Worker.example', { name: 'worker' });
    expect((await whoAmI(clientOf('DNS:worker.EXAMPLE'))).body).to.include({ name: 'worker' });
  });

  /** What a client keeps in order to resume its session, after a call. */
  async function sessionOf(identity: Identity): Promise<Buffer> {
    const socket = connectTls(rawOptionsOf(identity));
    const kept = once(socket, 'session');
    socket.write(rawRequest);
    const [[session]] = await Promise.all([kept, once(socket, 'data')]);
    socket.destroy();
    return session;
  }

  async function resume(identity: Identity, session: Buffer): Promise<{ isReused: boolean; text: string }> {
    const socket = connectTls({ ...rawOptionsOf(identity), session });
    await once(socket, 'secureConnect');
    const isReused = socket.isSessionReused();
    socket.write(rawRequest);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return { isReused, text };
  }

  const rawOptionsOf = (identity: Identity) => ({
    ...tlsOf(identity),
    port: Number(new URL(secured.origin).port),
    host: '127.0.0.1',
  });

  it('authenticates a resumed TLS session', async () => {
    const { isReused, text } = await resume(known, await sessionOf(known));
    expect(isReused).to.equal(true);
    expect(text).to.include(keyId);
  });

  it('answers a caller whose name has no key that they are not authenticated, over gRPC', async () => {
    const nodeOptions = tlsOf(clientOf('DNS:nobody.example'));
    const access = createClient(AccessService, createGrpcTransport({ baseUrl: secured.origin, nodeOptions }));
    const code = await access.whoAmI({}).catch((reason: unknown) => ConnectError.from(reason).code);
    expect(code).to.equal(Code.Unauthenticated);
  });

  const nextLine = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const from = lines.length;
      const watcher = (): void => {
        if (!lines.slice(from).some((line) => line.includes(text))) return;
        watchers.delete(watcher);
        resolve();
      };
      watchers.add(watcher);
    });

  describe('issuing such a key', () => {
    it('answers no token, and shows the name', async () => {
      const issued = await issue('URI:spiffe://example.org/shown');
      expect(issued['token']).to.be.oneOf(['', undefined]);
      expect(textOf(issued, 'api_key', 'prefix')).to.equal('URI:spiffe://example.org/shown');
    });

    it('is for owners, since a name is known in the whole instance', async () => {
      const admin = await coffer.issueKey({ role: 'ADMIN' });
      const response = await fetch(`${coffer.origin}/v1/workspaces/default/apiKeys`, {
        method: 'POST',
        headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'n', role: 'VIEWER', certificate_san: 'DNS:mine.example' }),
      });
      expect(response.status).to.equal(403);
    });

    it('refuses a name that another valid key has, and accepts it once that one was revoked', async () => {
      const name = 'DNS:once.example';
      const first = await issue(name);
      const other = await coffer.createWorkspace('other');
      const path = `/v1/workspaces/${other}/apiKeys`;
      const body = { name: 'n', role: 'VIEWER', certificate_san: name };
      expect(await failureOf(coffer.native('POST', path, body))).to.include('409');
      const identity = clientOf(name);
      await revoke(textOf(first, 'api_key', 'id'));
      expect((await whoAmI(identity)).status).to.equal(401);
      await coffer.native('POST', path, body);
      expect((await whoAmI(identity)).body).to.include({ default_workspace_id: other });
    });

    for (const name of ['billing.example', 'DNS:*.example.com', 'URI:', 'email:a@example.com', 'DNS:a,DNS:b']) {
      it(`refuses the name ${name}`, async () => {
        expect(await failureOf(issue(name)))
          .to.include('400')
          .and.to.include('certificate_san');
      });
    }
  });

  describe('when its files change', () => {
    it('believes another authority, no longer the one before, and ends what that one had let in', async () => {
      const successor = createAuthority('Successor');
      const names = [billing];
      const newcomer = successor.issue('client', { names });
      const kept = await sessionOf(known);
      const session = connectHttp2(secured.origin, tlsOf(known));
      expect((await whoAmIOver(session)).status).to.equal(200);
      expect(await failureOf(whoAmI(newcomer))).to.not.equal(undefined);

      const [reloaded, ended] = [nextLine('in use'), once(session, 'close')];
      await put('ca.pem', successor.certificate);
      await reloaded;
      await ended;

      expect((await whoAmI(newcomer)).body).to.include({ id: keyId });
      expect(await failureOf(whoAmI(known))).to.not.equal(undefined);
      // Nor by what was agreed under the authority before.
      const resumed = await resume(known, kept).catch(() => undefined);
      expect(resumed?.text ?? '').to.equal('');
    });
  });

  it('writes no name of a certificate to its log', () => {
    expect(lines.join('')).not.to.include('spiffe');
  });
});

async function failureOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return String(error);
  }
}

async function whoAmIOver(session: ClientHttp2Session): Promise<Answer> {
  const stream = session.request({ ':path': '/v1/whoami' });
  const [headers] = await once(stream, 'response');
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return { status: Number(headers[':status']), body: parseObject(text) };
}
