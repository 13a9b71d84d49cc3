import { Code } from '@connectrpc/connect';
import { expect } from 'chai';
import { createHash, randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { CredentialService } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { protocolClient, protocols, type ProtocolAnswer } from './every-protocol.ts';
import { nativeClient, type NativeClient } from './native-client.ts';

interface Holder {
  readonly workspace_id: string;
  readonly credential_id: string;
  readonly field: string;
}

function reportIn({ body, ...refusal }: ProtocolAnswer): {
  readonly holders: readonly Holder[];
  readonly next: string;
} {
  if (body === undefined) throw new Error(JSON.stringify(refusal));
  const { deactivated = [], next_page_token: next = '' } = Object(body);
  return { holders: deactivated, next };
}

const sha256 = (value: string) => createHash('sha256').update(value).digest('hex');

describe('reports of leaked values', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let here: string;
  let there: string;
  let superuser: Client;
  /** Each report is a minute later than the one before, unless the test stops the clock. */
  let nowMs = Date.parse('2024-01-01T00:00:00Z');

  before(async () => {
    coffer = await startCoffer({ now: () => new Date(nowMs) });
    call = nativeClient(coffer.origin, coffer.adminToken);
    here = coffer.defaultWorkspaceId;
    there = await coffer.createWorkspace('there');
    superuser = new Client(coffer.database.connection);
    await superuser.connect();
  });

  after(async () => {
    await superuser.end();
    await coffer.stop();
  });

  async function create(secret: object, workspace = here): Promise<string> {
    const body = { credential: { name: 'n' }, secret };
    const made = await call({ method: 'POST', path: `/v1/workspaces/${workspace}/credentials`, body });
    return String(made.body.credential['id']);
  }

  function report(
    request: object,
    { token = coffer.adminToken, protocol = 'REST', origin = coffer.origin } = {},
  ): Promise<ProtocolAnswer> {
    nowMs += 61_000;
    return protocolClient(protocol, origin, token)(CredentialService.method.reportLeak, '/v1/leaks:report', request);
  }

  const stateOf = async (workspace: string, id: string) =>
    (await call({ path: `/v1/workspaces/${workspace}/credentials/${id}?show_deleted=true` })).body.credential['state'];

  async function eventsAfter(count: number) {
    const { rows } = await superuser.query<{ event: string }>(
      `select action || coalesce(' ' || purpose, '') || ' ' || count as event, * from audit_event order by time, seq`,
    );
    return rows.slice(count);
  }

  for (const protocol of protocols) {
    it(`find and deactivate the credentials of all workspaces that contain the value, over ${protocol}`, async () => {
      const value = `leaked-${randomUUID()}`;
      const first = await create({ key: value, other: 'something else', again: value });
      const second = await create({ token: value }, there);
      const deleted = await create({ key: value });
      await call({ method: 'DELETE', path: `/v1/workspaces/${here}/credentials/${deleted}` });
      const others = [
        await create({ key: `${value} ` }),
        await create({ key: { nested: value } }),
        await create({ key: [value] }),
        await create({ [value]: 'as a name' }),
      ];
      const before = (await eventsAfter(0)).length;
      const expected = [
        { workspace_id: here, credential_id: first, field: 'again' },
        { workspace_id: here, credential_id: first, field: 'key' },
        { workspace_id: here, credential_id: deleted, field: 'key' },
        { workspace_id: there, credential_id: second, field: 'token' },
      ];
      const preview = reportIn(await report({ value, validate_only: true }, { protocol }));
      expect(preview.holders).to.have.deep.members(expected);
      expect(await stateOf(here, first)).to.equal('ACTIVE');
      expect(await eventsAfter(before)).to.have.length(0);

      const found = reportIn(await report({ value }, { protocol }));
      expect(found.holders).to.have.deep.members(expected);
      expect(found.next).to.equal('');
      expect(await stateOf(here, first)).to.equal('INACTIVE');
      expect(await stateOf(there, second)).to.equal('INACTIVE');
      for (const other of others) expect(await stateOf(here, other)).to.equal('ACTIVE');
      const events = await eventsAfter(before);
      expect(events.map(({ event }) => event)).to.have.members([
        ...Array<string>(3).fill('credentials.deactivate leak report 1'),
        'leaks.report 4',
      ]);
      expect(JSON.stringify(events)).not.to.include(value).and.not.to.include(sha256(value));

      for (const request of [{ value }, { sha256: sha256(value) }, { sha256: sha256(value), validate_only: true }]) {
        expect(reportIn(await report(request, { protocol })).holders).to.have.deep.members(expected);
      }
      const restored = await call({
        method: 'POST',
        path: `/v1/workspaces/${here}/credentials/${deleted}:undelete`,
        body: {},
      });
      expect(restored.body.credential['state']).to.equal('INACTIVE');
    });
  }

  it('search current versions only, and never match values of less than 12 bytes', async () => {
    const value = `replaced-${randomUUID()}`;
    const id = await create({ key: value });
    await call({
      method: 'POST',
      path: `/v1/workspaces/${here}/credentials/${id}/versions`,
      body: { secret: { key: 'new' } },
    });
    await create({ key: 'elevenbytes' });
    await create({ key: 'twelve bytes' });
    expect(reportIn(await report({ value })).holders).to.have.length(0);
    expect(reportIn(await report({ sha256: sha256('elevenbytes') })).holders).to.have.length(0);
    expect(reportIn(await report({ value: 'twelve bytes' })).holders).to.have.length(1);
    expect(reportIn(await report({ sha256: sha256('twelve bytes') })).holders).to.have.length(1);
  });

  it('are refused if they are not valid, and to everyone but owners', async () => {
    const value = 'a value that is long enough';
    const invalid = [
      {},
      { value: 'elevenbytes' },
      { value, sha256: sha256(value) },
      { sha256: sha256(value).toUpperCase() },
      { sha256: 'ab' },
      { value, page_token: 'nothing' },
    ];
    for (const request of invalid) {
      expect((await report(request)).code, JSON.stringify(request)).to.equal(Code.InvalidArgument);
    }
    const token = await coffer.issueKey({ role: 'ADMIN' });
    for (const request of [{ value }, {}])
      expect((await report(request, { token })).code).to.equal(Code.PermissionDenied);
  });

  it('are limited to 10 a minute for an owner', async () => {
    const request = { value: 'a value that is nowhere', validate_only: true };
    const codes: (Code | undefined)[] = [];
    const last = nowMs + 61_000;
    for (let count = 0; count < 12; count += 1) {
      nowMs = last - 61_000;
      codes.push((await report(request)).code);
    }
    expect(codes.slice(0, 10)).to.deep.equal(Array(10).fill(undefined));
    expect(codes.slice(10)).to.deep.equal([Code.ResourceExhausted, Code.ResourceExhausted]);
    expect((await report(request)).code).to.equal(undefined);
  });

  it('continue by a page token until all is searched, and answer a repetition under a request id alike', async () => {
    const value = `often-${randomUUID()}`;
    const workspace = await coffer.createWorkspace('many');
    const requests = Array.from({ length: 600 }, () => ({ credential: { name: 'n' }, secret: { key: value } }));
    for (let batch = 0; batch < 2; batch += 1) {
      const path = `/v1/workspaces/${workspace}/credentials:batchCreate`;
      expect((await call({ method: 'POST', path, body: { requests } })).status).to.equal(200);
    }
    const holders: Holder[] = [];
    let token = '';
    do {
      const found = reportIn(await report({ value, page_token: token, validate_only: true }));
      holders.push(...found.holders);
      token = found.next;
      if (holders.length < 1_200) expect(token).not.to.equal('');
    } while (token !== '');
    expect(new Set(holders.map(({ credential_id: id }) => id)).size).to.equal(1_200);
    expect(holders).to.have.length(1_200);

    const once = `once-${randomUUID()}`;
    await create({ key: once });
    const request = { value: once, request_id: randomUUID() };
    const first = await report(request);
    expect(reportIn(first).holders).to.have.length(1);
    expect(await report(request)).to.deep.equal(first);
  });

  it('of several processes at the same time find the same, and a credential that changes meanwhile is not disturbed', async () => {
    const other = await startCoffer({ ...coffer, now: () => new Date(nowMs) });
    try {
      for (let round = 0; round < 4; round += 1) {
        const value = `race-${randomUUID()}`;
        const ids = [await create({ key: value }), await create({ key: value }, there)];
        const changed = await create({ key: value });
        const path = `/v1/workspaces/${here}/credentials/${changed}/versions`;
        const reports = [coffer.origin, other.origin].map((origin) => report({ value }, { origin }));
        const change = nativeClient(
          other.origin,
          coffer.adminToken,
        )({
          method: 'POST',
          path,
          body: { secret: { key: 'a new value' } },
        });
        for (const answer of await Promise.all(reports)) {
          const found = reportIn(answer).holders.map(({ credential_id: id }) => id);
          expect(found.filter((id) => id !== changed)).to.have.members(ids);
        }
        expect((await change).status).to.equal(200);
        expect(await stateOf(here, ids[0] ?? '')).to.equal('INACTIVE');
      }
      const { body } = await call({ method: 'POST', path: '/v1/auditTrail:verify', body: {} });
      expect(body['intact'], JSON.stringify(body)).to.equal(true);
    } finally {
      await other.stop();
    }
  });
});
