import { create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate, TimestampSchema, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Code, createClient, type Client } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { AccessService } from '../../gen/coffer/v1/access_service_pb.ts';
import { AuditService } from '../../gen/coffer/v1/audit_service_pb.ts';
import { CredentialService } from '../../gen/coffer/v1/credential_service_pb.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, parseObject, textOf } from '../support/json.ts';
import { restClient, type RestCall, type RestReply } from './call-rest.ts';

/** Times as they are sent, and as they are stored. */
const times: Readonly<Record<string, string>> = {
  '0001-01-01T00:00:00Z': '0001-01-01T00:00:00Z',
  '0001-01-01T00:00:00.000999999Z': '0001-01-01T00:00:00Z',
  '0004-02-29T12:00:00.1+14:00': '0004-02-28T22:00:00.100Z',
  '0099-12-31T23:59:59.9999Z': '0099-12-31T23:59:59.999Z',
  '0100-01-01T00:00:00Z': '0100-01-01T00:00:00Z',
  '0999-06-01T00:00:00.0005Z': '0999-06-01T00:00:00Z',
  '1899-12-31T23:59:59.9996Z': '1899-12-31T23:59:59.999Z',
  '1969-12-31T23:59:59.9999999Z': '1969-12-31T23:59:59.999Z',
  '2030-01-01T00:00:00.123999Z': '2030-01-01T00:00:00.123Z',
  '2030-01-01T00:00:00.120Z': '2030-01-01T00:00:00.120Z',
  '9999-12-31T23:59:59.9999999Z': '9999-12-31T23:59:59.999Z',
  '9999-12-31T23:59:59.999999999Z': '9999-12-31T23:59:59.999Z',
  '9999-12-31T20:59:59.9999-03:00': '9999-12-31T23:59:59.999Z',
};

const noTimes = [
  '0000-12-31T23:59:59Z',
  '0001-01-01T00:00:00+00:01',
  '9999-12-31T23:59:59-00:01',
  '10000-01-01T00:00:00Z',
  '2030-01-01T24:00:00Z',
  '2016-12-31T23:59:60Z',
  '2030-02-30T00:00:00Z',
  '2030-01-01T00:00:00+24:00',
];

const ofNoYear: readonly { readonly seconds: bigint; readonly nanos: number }[] = [
  { seconds: -62_135_596_801n, nanos: 999_999_999 },
  { seconds: 253_402_300_800n, nanos: 0 },
  { seconds: 2n ** 63n - 1n, nanos: 0 },
  { seconds: 0n, nanos: -1 },
  { seconds: 0n, nanos: 1_000_000_000 },
];

const nativePath = '/v1/workspaces/default/credentials';

function keyUntil(expiresAt: string): JsonObject {
  return { name: 'k', role: 'VIEWER', expires_at: expiresAt };
}

describe('times in all dialects and protocols', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let native: { readonly [Protocol in 'gRPC' | 'Connect']: Client<typeof CredentialService> };
  let audit: Client<typeof AuditService>;
  let access: Client<typeof AccessService>;

  before(async () => {
    coffer = await startCoffer();
    call = restClient(coffer.origin);
    const interceptors = [
      (next: Parameters<NonNullable<Parameters<typeof createGrpcTransport>[0]['interceptors']>[number]>[0]) =>
        async (request: Parameters<typeof next>[0]) => {
          request.header.set('authorization', `Bearer ${coffer.adminToken}`);
          return next(request);
        },
    ];
    const grpc = createGrpcTransport({ baseUrl: coffer.origin, interceptors });
    const connect = createConnectTransport({ baseUrl: coffer.origin, interceptors, httpVersion: '1.1' });
    native = { gRPC: createClient(CredentialService, grpc), Connect: createClient(CredentialService, connect) };
    audit = createClient(AuditService, grpc);
    access = createClient(AccessService, grpc);
  });

  after(async () => {
    await coffer.stop();
  });

  const sendRest = (expiresAt: string): Promise<RestReply> =>
    call({
      method: 'POST',
      path: nativePath,
      token: coffer.adminToken,
      body: { credential: { name: 'n', expires_at: expiresAt }, secret: { k: 'v' } },
    });
  const sendConnectJson = (expiresAt: string): Promise<RestReply> =>
    call({
      method: 'POST',
      path: '/coffer.v1.CredentialService/CreateCredential',
      token: coffer.adminToken,
      body: { workspace_id: 'default', credential: { name: 'n', expires_at: expiresAt }, secret: { k: 'v' } },
    });
  const miniflowPath = (): string => `/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials`;
  const sendMiniflow = (expiresAt: string): Promise<RestReply> =>
    call({
      method: 'POST',
      path: `${miniflowPath()}/api-key`,
      token: coffer.adminToken,
      body: { name: `n ${expiresAt}`, api_key: 'k', provider: 'openai', expires_at: expiresAt },
    });

  async function createOver(protocol: 'gRPC' | 'Connect', expiresAt: Timestamp): Promise<string> {
    const request = { workspaceId: 'default', credential: { name: 'n', expiresAt }, secret: { k: 'v' } };
    return (await native[protocol].createCredential(request)).credential?.id ?? '';
  }

  /** As each view shows it. */
  async function shown(id: string): Promise<JsonObject> {
    const { credential } = await coffer.native('GET', `${nativePath}/${id}`);
    const listed = await coffer.native('GET', `${nativePath}?page_size=1000`);
    const all = memberOf(listed, 'credentials');
    const inList = Array.isArray(all) ? all.find((one) => textOf(one, 'id') === id) : undefined;
    const mielto = await call({ path: `/mielto/api/v1/credentials/${id}`, token: coffer.adminToken });
    const shortId = textOf(credential, 'short_id');
    const miniflow = await call({ path: `${miniflowPath()}/${shortId}`, token: coffer.adminToken });
    const binary = await native.gRPC.getCredential({ workspaceId: 'default', credentialId: id });
    const json = await call({
      method: 'POST',
      path: '/coffer.v1.CredentialService/GetCredential',
      token: coffer.adminToken,
      body: { workspace_id: 'default', credential_id: id },
    });
    const ofBinary = binary.credential?.expiresAt ?? create(TimestampSchema);
    return {
      native: textOf(credential, 'expires_at'),
      list: textOf(inList, 'expires_at'),
      mielto: textOf(parseObject(mielto.text), 'expires_at'),
      miniflow: textOf(parseObject(miniflow.text), 'data', 'expires_at'),
      grpc: timestampDate(ofBinary).toISOString().replace('.000Z', 'Z'),
      connect: textOf(parseObject(json.text), 'credential', 'expires_at'),
    };
  }

  for (const [sent, stored] of Object.entries(times)) {
    it(`${sent} is stored as ${stored} through REST, Connect's JSON, gRPC and MiniFlow, and shown so by all`, async () => {
      const sentTime = new Date(stored);
      const nanos = Number((/\.(\d+)/.exec(sent)?.[1] ?? '').padEnd(9, '0'));
      const message = create(TimestampSchema, { seconds: timestampFromDate(sentTime).seconds, nanos });
      const replies = [await sendRest(sent), await sendConnectJson(sent)];
      const ids = replies.map(({ text }) => textOf(parseObject(text), 'credential', 'id'));
      ids.push(await createOver('gRPC', message), await createOver('Connect', message));
      const miniflow = await sendMiniflow(sent);
      expect(miniflow.status, miniflow.text).to.equal(200);
      ids.push(await nativeIdOf(textOf(parseObject(miniflow.text), 'data', 'id')));
      const expected = {
        native: stored,
        list: stored,
        mielto: stored,
        miniflow: stored,
        grpc: stored,
        connect: stored,
      };
      for (const id of ids) expect(await shown(id)).to.deep.equal(expected);
    });
  }

  async function nativeIdOf(shortId: string): Promise<string> {
    return textOf(await coffer.native('GET', `${nativePath}/${shortId}`), 'credential', 'id');
  }

  for (const text of noTimes) {
    it(`${text} is refused everywhere`, async () => {
      const [rest, connect, miniflow] = [await sendRest(text), await sendConnectJson(text), await sendMiniflow(text)];
      expect([rest.status, connect.status, miniflow.status]).to.deep.equal([400, 400, 422]);
      expect(rest.text).to.include('credential.expires_at must be a time');
      expect(connect.text).to.include('"invalid_argument"').and.to.include('expires_at');
    });
  }

  for (const time of ofNoYear) {
    it(`${time.seconds} seconds and ${time.nanos} nanoseconds are refused by every call that takes a timestamp`, async () => {
      const timestamp = create(TimestampSchema, time);
      const calls = [
        createOver('gRPC', timestamp),
        createOver('Connect', timestamp),
        access.createApiKey({ workspaceId: 'default', name: 'k', role: 1, expiresAt: timestamp }),
        audit.listAuditEvents({ workspaceId: 'default', startTime: timestamp }),
        audit.listAuditEvents({ workspaceId: 'default', endTime: timestamp }),
        audit.listInstanceEvents({ startTime: timestamp }),
      ];
      const outcomes = await Promise.allSettled(calls);
      expect(outcomes.map((one) => one.status === 'rejected' && one.reason.code)).to.deep.equal(
        calls.map(() => Code.InvalidArgument),
      );
    });
  }

  it('an API key keeps its expiry to the millisecond, and none can be given one out of range', async () => {
    const path = '/v1/workspaces/default/apiKeys';
    for (const [sent, stored] of Object.entries(times)) {
      const issued = await coffer.native('POST', path, keyUntil(sent));
      expect(textOf(issued, 'api_key', 'expires_at')).to.equal(stored);
    }
    const { api_keys: keys } = await coffer.native('GET', `${path}?page_size=100`);
    const listed = Array.isArray(keys) ? keys.flatMap((one) => one?.['expires_at'] ?? []) : [];
    expect(listed).to.have.members(Object.values(times));
    for (const text of noTimes) {
      const reply = await call({ method: 'POST', path, token: coffer.adminToken, body: keyUntil(text) });
      expect(reply.status, text).to.equal(400);
    }
  });

  it('a span of the audit trail begins and ends at times that are truncated to the millisecond', async () => {
    const path = '/v1/workspaces/default/auditEvents';
    await sendRest('2030-01-01T00:00:00Z');
    const { audit_events: events } = await coffer.native('GET', `${path}?page_size=1`);
    const time = textOf(Array.isArray(events) ? events[0] : undefined, 'time');
    const within = time.replace('Z', time.includes('.') ? '999999Z' : '.000999999Z');
    const countOf = async (query: string): Promise<number> => {
      const { audit_events: found } = await coffer.native('GET', `${path}?page_size=1000&${query}`);
      return Array.isArray(found) ? found.filter((event) => textOf(event, 'time') === time).length : 0;
    };
    expect(await countOf(`start_time=${within}`)).to.be.greaterThan(0);
    expect(await countOf(`end_time=${within}`)).to.equal(0);
    expect(await countOf('start_time=0001-01-01T00:00:00Z&end_time=9999-12-31T23:59:59.9999999Z')).to.be.greaterThan(0);
    for (const text of noTimes) {
      const query = `start_time=${encodeURIComponent(text)}`;
      expect((await call({ path: `${path}?${query}`, token: coffer.adminToken })).status, text).to.equal(400);
    }
  });

  it('a credential that has such an expiry is changed, verified and shown as before', async () => {
    const reply = await sendRest('0001-01-01T00:00:00.0009Z');
    const id = textOf(parseObject(reply.text), 'credential', 'id');
    const changed = await coffer.native('PATCH', `${nativePath}/${id}`, { description: 'changed' });
    expect(memberOf(changed, 'credential')).to.include({ expires_at: '0001-01-01T00:00:00Z', state: 'EXPIRED' });
    const verified = await coffer.native('POST', '/v1/auditTrail:verify', {});
    expect(verified).to.deep.include({ faults: [] });
  });
});
