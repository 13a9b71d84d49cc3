import { fromJson, type JsonObject, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { allBoundRpcs, nameOfRpc, type ServedRpc } from '../support/bound-rpcs.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { absentWorkspaceId, mayNameCredential, thingsNamedBy, wayOfNaming } from '../support/matrix-requests.ts';
import { formatShortId } from '../../src/vault/ids.ts';
import { allRoutes } from '../support/routes.ts';

const transports: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  'Connect of JSON': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2' }),
  'Connect of protobuf': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: true }),
};

const id = '018cc251-f400-7abc-8def-0123456789ab';
/** What requests name, and what the trail is to hold. */
const names: readonly (readonly [named: string, recorded: string])[] = [
  [id, id],
  [id.toUpperCase(), id.toUpperCase()],
  ['CRD-8DEF0123456789AB', 'CRD-8DEF0123456789AB'],
  ['no such name', 'no such name'],
  ['x'.repeat(5_000), 'x'.repeat(255)],
  [`${'x'.repeat(254)}\u{1f511}y`, `${'x'.repeat(254)}\u{1f511}`],
  ['a\0b\x1b', 'a\ufffdb\ufffd'],
];

const routes = await allRoutes();
const naming = allBoundRpcs().filter(mayNameCredential);

/** Those whose path has a place for the credential: Flowise answers a path without its id as well. */
function routesOf(rpc: string): typeof routes {
  return routes.filter(
    ({ method, template }) => nameOfRpc(method) === rpc && /\{(?:credential_id|name)\b/.test(template),
  );
}

/** Some of the names, others for each `turn`. */
function namesAt(turn: number): typeof names {
  return names.filter((_, index) => index % 4 === turn % 4);
}

function permissionOf({ rpc: { access } }: ServedRpc): string {
  return 'permission' in access ? access.permission : expect.fail();
}

/** In their own workspace or in another one: roles decide the first, and every role may read. */
function waysToBeDenied(one: ServedRpc): readonly boolean[] {
  const isRead = 'permission' in one.rpc.access && one.rpc.access.permission === 'credentials.read';
  return [...(isRead ? [] : [false]), ...(wayOfNaming(one) === undefined ? [] : [true])];
}

describe('the event of a denied call', () => {
  let coffer: TestCoffer;
  let client: Client;
  let viewer: string;
  let runtime: string;
  let opened: readonly (readonly [string, Transport])[];

  before(async () => {
    coffer = await startCoffer();
    opened = Object.entries(transports).map(([protocol, make]) => [protocol, make(coffer.origin)]);
    client = new Client(coffer.database.connection);
    await client.connect();
    viewer = await coffer.issueKey({ role: 'VIEWER' });
    runtime = await coffer.issueKey({ role: 'RUNTIME' });
  });
  after(async () => {
    await client.end();
    await coffer.stop();
  });

  /** The headers of a caller who may not make the call, and the message that names a workspace and a credential. */
  function attemptOf({ dialect, rpc }: ServedRpc, credential: string, isForeign: boolean) {
    const one = { dialect, rpc };
    const isRead = 'permission' in rpc.access && rpc.access.permission === 'credentials.read';
    const workspace = isForeign ? absentWorkspaceId : coffer.defaultWorkspaceId;
    const shown = dialect.name === 'miniflow' ? formatShortId('workspace', workspace) : workspace;
    const way = wayOfNaming(one);
    const [field = ''] = thingsNamedBy(one);
    const requestId = randomUUID();
    const { workspaceHeader = '' } = dialect;
    const headers = {
      authorization: `Bearer ${isRead && !isForeign ? runtime : viewer}`,
      'x-request-id': requestId,
      ...(way === 'header' && { [workspaceHeader]: shown }),
    };
    return {
      requestId,
      headers,
      shown,
      message: { [field]: credential, ...(way === 'field' && { workspace_id: shown }) },
    };
  }

  async function expectEvent(permission: string, requestId: string, recorded: string, protocol: string): Promise<void> {
    const sql =
      'select action, resource_kind, resource_id, permission, protocol from audit_event where request_id = $1';
    const { rows } = await client.query<JsonObject>(sql, [requestId]);
    const event = { action: 'access.denied', resource_kind: 'credential', resource_id: recorded, permission };
    expect(rows, protocol).to.have.lengthOf(1);
    expect(rows[0], protocol).to.include(event);
  }

  it('is looked for at every call that names a credential', () => {
    expect(naming.length).to.be.greaterThan(20);
    expect(new Set(naming.map(({ dialect }) => dialect.name)).size).to.equal(6);
  });

  for (const one of naming.filter((candidate) => waysToBeDenied(candidate).length > 0)) {
    const name = nameOfRpc(one.rpc.method);

    it(`names the credential that the message of ${name} named and the permission that was lacking, over every protocol`, async () => {
      for (const isForeign of waysToBeDenied(one)) {
        for (const [turn, [protocol, transport]] of opened.entries()) {
          for (const [named, recorded] of namesAt(turn + (isForeign ? 1 : 0))) {
            const { requestId, headers, message } = attemptOf(one, named, isForeign);
            const request: Message = fromJson(one.rpc.method.input, message);
            const code = await transport.unary(one.rpc.method, undefined, undefined, headers, request).then(
              () => undefined,
              (error: unknown) => ConnectError.from(error).code,
            );
            expect(code).to.be.oneOf([Code.PermissionDenied, Code.NotFound]);
            await expectEvent(permissionOf(one), requestId, recorded, protocol);
          }
        }
      }
    });

    for (const { httpMethod, template, hasBody } of routesOf(name)) {
      it(`names the credential in the path of ${httpMethod} ${template} (${name})`, async () => {
        for (const isForeign of waysToBeDenied(one)) {
          for (const [named, recorded] of namesAt(template.length)) {
            const { requestId, headers, shown } = attemptOf(one, named, isForeign);
            const path = template.replaceAll(/\{(\w+)(?:=[^}]*)?\}/g, (_, variable: string) =>
              encodeURIComponent(variable === 'workspace_id' ? shown : named),
            );
            const init = {
              method: httpMethod,
              headers: { ...headers, ...(hasBody && { 'content-type': 'application/json' }) },
            };
            const url = `${coffer.origin}/${one.dialect.name}${path}`;
            const response = await fetch(url, { ...init, ...(hasBody && { body: '{}' }) });
            await response.text();
            expect(response.status).to.be.oneOf([403, 404]);
            await expectEvent(permissionOf(one), requestId, recorded, 'rest');
          }
        }
      });
    }
  }

  it('names the permission where the request names no credential', async () => {
    const requestId = randomUUID();
    const headers = {
      authorization: `Bearer ${viewer}`,
      'x-request-id': requestId,
      'content-type': 'application/json',
    };
    const path = '/coffer.v1.CredentialService/CreateCredential';
    const response = await fetch(coffer.origin + path, { method: 'POST', headers, body: '{"workspace_id":"default"}' });
    expect(response.status).to.equal(403);
    const { rows } = await client.query('select resource_id from audit_event where request_id = $1', [requestId]);
    expect(rows).to.deep.equal([{ resource_id: 'credentials.write' }]);
  });

  it('names the id that a credential was to be created with', async () => {
    for (const [path, body] of [
      ['/coffer.v1.CredentialService/CreateCredential', { workspace_id: 'default', credential: { id, name: 'n' } }],
      ['/flowise.v1.CredentialService/CreateCredential', { id, name: 'n', credentialName: 'openAIApi' }],
    ] as const) {
      const requestId = randomUUID();
      const headers = {
        authorization: `Bearer ${viewer}`,
        'x-request-id': requestId,
        'content-type': 'application/json',
      };
      const response = await fetch(coffer.origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
      expect(response.status, path).to.equal(403);
      await expectEvent('credentials.write', requestId, id, path);
    }
  });

  it('is written though the message is none', async () => {
    const headers = { authorization: `Bearer ${viewer}`, 'content-type': 'application/json' };
    for (const body of ['{', '[]', '{"credential_id":5}']) {
      const requestId = randomUUID();
      const path = '/coffer.v1.SecretService/RevealSecret';
      const init = { method: 'POST', headers: { ...headers, 'x-request-id': requestId }, body };
      expect((await fetch(coffer.origin + path, init)).status, body).to.equal(403);
      const { rows } = await client.query('select resource_id from audit_event where request_id = $1', [requestId]);
      expect(rows).to.deep.equal([{ resource_id: 'secrets.reveal' }]);
    }
  });
});
