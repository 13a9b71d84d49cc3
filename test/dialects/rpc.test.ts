import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { CredentialService as MieltoService } from '../../gen/mielto/v1/credential_service_pb.ts';
import { CredentialService as MiniflowService } from '../../gen/miniflow/v1/credential_service_pb.ts';
import { CredentialService as ScaleService } from '../../gen/scale/v5/credential_service_pb.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { refusalOf } from '../support/refusals.ts';

const transports: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  'Connect over HTTP/1.1': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1' }),
  'Connect over HTTP/2': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2' }),
};

describe('mielto, scale and miniflow', () => {
  let coffer: TestCoffer;
  let headers: { authorization: string };
  let workspaceId: string;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    headers = { authorization: `Bearer ${await coffer.issueKey({ role: 'EDITOR' })}` };
    workspaceId = coffer.defaultWorkspaceShortId;
  });

  after(async () => {
    await coffer.stop();
  });

  for (const [protocol, makeTransport] of Object.entries(transports)) {
    describe(`over ${protocol}`, () => {
      let transport: Transport;

      before(() => {
        transport = makeTransport(coffer.origin);
      });

      it('create a credential by mielto', async () => {
        const { credential } = await createClient(MieltoService, transport).createCredential(
          { label: 'A', authType: 'api_key', credentialScope: 'user', credentials: { api_key: 'x' }, userId: 'u-1' },
          { headers },
        );
        expect(credential).to.include({ label: 'A', authType: 'api_key', provider: 'custom', status: 'active' });
        expect(credential).to.include({ userId: 'u-1', workspaceId: coffer.defaultWorkspaceId });
      });

      it('create a credential by scale, once a name', async () => {
        const client = createClient(ScaleService, transport);
        const request = { type: 'key', name: `By ${protocol}`, payload: 'p', credentialMetadata: { a: 1 } };
        const { credential } = await client.createCredential(request, { headers });
        expect(credential).to.deep.include({ object: 'credential', type: 'key', credentialMetadata: { a: 1 } });
        const refusal = await refusalOf(client.createCredential(request, { headers }), ConnectError);
        expect(refusal.code).to.equal(Code.AlreadyExists);
      });

      it('keep a credential by mielto through its whole life', async () => {
        const client = createClient(MieltoService, transport);
        const label = `Kept by ${protocol}`;
        const request = { label, authType: 'custom', credentialScope: 'user', credentials: { key: 'one' } };
        const { credential } = await client.createCredential(request, { headers });
        const target = { credentialId: credential?.id ?? '' };
        expect((await client.getCredential(target, { headers })).credential).to.deep.equal(credential);
        const change = { ...target, description: 'd', credentials: { key: 'two' } };
        expect((await client.updateCredential(change, { headers })).credential).to.include({ label, description: 'd' });
        const listed = await client.listCredentials({ search: label, limit: 5 }, { headers });
        expect(listed).to.include({ total: 1, page: 1, size: 5 });
        expect(listed.credentials.map(({ id }) => id)).to.deep.equal([target.credentialId]);
        expect((await client.deleteCredential(target, { headers })).credential).to.include({ label });
        const refusals = [
          await refusalOf(client.getCredential(target, { headers }), ConnectError),
          await refusalOf(client.listCredentials({ limit: 1_001 }, { headers }), ConnectError),
          await refusalOf(
            client.listCredentials({}, { headers: { ...headers, 'x-workspace-id': 'WSP-1' } }),
            ConnectError,
          ),
        ];
        expect(refusals.map(({ code }) => code)).to.deep.equal([
          Code.NotFound,
          Code.InvalidArgument,
          Code.PermissionDenied,
        ]);
      });

      it('keep a credential by scale through its whole life', async () => {
        const client = createClient(ScaleService, transport);
        const name = `kept/by ${protocol}`;
        const { credential } = await client.createCredential({ type: 'key', name, payload: 'one' }, { headers });
        const target = { credentialId: credential?.id ?? '' };
        expect((await client.getCredential(target, { headers })).credential).to.deep.equal(credential);
        expect((await client.getCredentialByName({ name }, { headers })).credential).to.deep.equal(credential);
        const updated = await client.updateCredential({ ...target, payload: 'two', type: 'json' }, { headers });
        expect(updated.credential).to.include({ name, type: 'json' });
        expect(await client.getSecret(target, { headers })).to.include({ result: 'two', object: 'credential.secret' });
        expect(await client.getSecretByName({ name }, { headers })).to.include({ result: 'two' });
        const listed = await client.listCredentials({ name, limit: 1 }, { headers });
        expect(listed).to.include({ object: 'list', total: 1, limit: 1, hasMore: false });
        expect(listed.items.map(({ id }) => id)).to.deep.equal([target.credentialId]);
        const deleted = await client.deleteCredential(target, { headers });
        expect(deleted).to.include({ id: target.credentialId, deleted: true, object: 'credential.deleted' });
        const refusals = [
          await refusalOf(client.getSecretByName({ name }, { headers }), ConnectError),
          await refusalOf(client.listCredentials({ startingAfter: 'x' }, { headers }), ConnectError),
          await refusalOf(
            client.getSecret(target, { headers: { ...headers, 'x-selected-account-id': 'WSP-1' } }),
            ConnectError,
          ),
        ];
        expect(refusals.map(({ code }) => code)).to.deep.equal([
          Code.NotFound,
          Code.InvalidArgument,
          Code.PermissionDenied,
        ]);
      });

      it('keep a credential by miniflow through its whole life', async () => {
        const client = createClient(MiniflowService, transport);
        const name = `Key by ${protocol}`;
        const key = { workspaceId, name, apiKey: 'sk-1', provider: 'openai', expiresAt: '2025-01-01T00:00:00Z' };
        const { id: credentialId } = await client.createApiKeyCredential(key, { headers });
        const target = { workspaceId, credentialId };

        const { credential } = await client.getCredential({ ...target, includeSecret: true }, { headers });
        expect(credential).to.deep.include({ name, credentialType: 'API_KEY', credentialData: { api_key: 'sk-1' } });

        const tags = { values: [{ kind: { case: 'stringValue', value: 'ai' } as const }] };
        const updated = await client.updateCredential({ ...target, tags }, { headers });
        expect(updated.credential).to.deep.include({ name, tags: ['ai'], isActive: true });

        const deactivated = await client.deactivateCredential(target, { headers });
        expect(deactivated).to.include({ success: true, isActive: false });
        const inactive = await refusalOf(
          client.getCredential({ ...target, includeSecret: true }, { headers }),
          ConnectError,
        );
        expect(inactive.code).to.equal(Code.FailedPrecondition);
        expect(await client.activateCredential(target, { headers })).to.include({ success: true, isActive: true });

        const listed = await client.listCredentials({ workspaceId, credentialType: 'api_key' }, { headers });
        expect(listed.credentials.map((summary) => summary.id)).to.include(credentialId);
        expect(listed.count).to.equal(listed.credentials.length);

        const deleted = await client.deleteCredential(target, { headers });
        expect(deleted).to.include({ success: true, deletedId: credentialId });
        const absent = await refusalOf(client.getCredential(target, { headers }), ConnectError);
        expect(absent.code).to.equal(Code.NotFound);
      });

      it('create a Slack credential by miniflow', async () => {
        const client = createClient(MiniflowService, transport);
        const slack = { workspaceId, name: `Slack by ${protocol}`, botToken: 'xoxb-1', tags: ['chat'] };
        const { id } = await client.createSlackCredential(slack, { headers });
        expect(id).to.match(/^CRD-[0-9A-F]{16}$/);
      });

      it('refuse what their rules refuse, what is blank, and unknown callers', async () => {
        const scale = createClient(ScaleService, transport);
        const unfit = await refusalOf(
          scale.createCredential({ type: 'key', payload: 'sk-shown' }, { headers }),
          ConnectError,
        );
        expect(unfit.code).to.equal(Code.InvalidArgument);
        expect(unfit.message).to.include('name').and.not.include('sk-shown');

        const miniflow = createClient(MiniflowService, transport);
        const blank = { workspaceId, name: ' ', apiKey: 'sk-shown', provider: 'openai' };
        const refused = await refusalOf(miniflow.createApiKeyCredential(blank, { headers }), ConnectError);
        expect(refused.code).to.equal(Code.InvalidArgument);
        expect(refused.rawMessage).to.equal('Credential name cannot be empty');

        const unknown = await refusalOf(createClient(MieltoService, transport).createCredential({}), ConnectError);
        expect(unknown.code).to.equal(Code.Unauthenticated);
      });
    });
  }
});
