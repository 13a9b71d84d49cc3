import type { JsonObject } from '@bufbuild/protobuf';
import { Code, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { AccessService } from '../../../gen/coffer/v1/access_service_pb.ts';
import { Credential_State } from '../../../gen/coffer/v1/credential_pb.ts';
import { CredentialService } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { Grant_Role } from '../../../gen/coffer/v1/grant_pb.ts';
import { SecretService } from '../../../gen/coffer/v1/secret_service_pb.ts';
import { WorkspaceService } from '../../../gen/coffer/v1/workspace_service_pb.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { connectCodeOf } from '../../support/refusals.ts';

const transports: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  'gRPC-Web over HTTP/1.1': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  'gRPC-Web over HTTP/2': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '2' }),
  'Connect with JSON over HTTP/1.1': (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
  'Connect with JSON by GET where it may': (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false, useHttpGet: true }),
  'Connect in binary over HTTP/2': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2' }),
};

describe('coffer.v1 over its protocols', () => {
  let coffer: TestCoffer;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
  });
  after(() => coffer.stop());

  const connect = (createTransport: (baseUrl: string) => Transport, token = coffer.adminToken) =>
    clientsOf(createTransport(coffer.origin), token);
  const secret = { api_key: 'sk-very-secret', nested: { list: [1, null, true] } };

  for (const [protocol, createTransport] of Object.entries(transports)) {
    describe(protocol, () => {
      it('lives through the life of a credential', async () => {
        const { vault, revealer, options } = connect(createTransport);
        const workspaceId = 'default';
        const { credential } = await vault.createCredential(
          { workspaceId, credential: { name: 'OpenAI', provider: 'openai', labels: { env: 'prod' } }, secret },
          options,
        );
        const credentialId = credential?.id ?? '';
        expect(credential).to.deep.include({ name: 'OpenAI', origin: 'coffer', labels: { env: 'prod' } });
        const revealed = await revealer.revealSecret({ workspaceId, credentialId }, options);
        expect(revealed.secret).to.deep.equal(secret);
        const updated = await vault.updateCredential(
          {
            workspaceId,
            credentialId,
            credential: { name: 'New' },
            updateMask: { paths: ['name', 'labels'] },
            etag: '1',
          },
          options,
        );
        expect(updated.credential).to.deep.include({ name: 'New', provider: 'openai', labels: {}, etag: '2' });
        const listed = await vault.listCredentials({ workspaceId, pageSize: 1 }, options);
        expect(listed.credentials.map(({ id }) => id)).to.deep.equal([credentialId]);
        const inactive = await vault.deactivateCredential({ workspaceId, credentialId }, options);
        expect(inactive.credential?.state).to.equal(Credential_State.INACTIVE);
        const deleted = await vault.deleteCredential({ workspaceId, credentialId }, options);
        expect(deleted.credential?.state).to.equal(Credential_State.DELETED);
        expect(await connectCodeOf(vault.getCredential({ workspaceId, credentialId }, options))).to.equal(
          Code.NotFound,
        );
      });

      it('manages workspaces and keys', async () => {
        const { workspaces, access, options } = connect(createTransport);
        const { workspace } = await workspaces.createWorkspace({ workspace: { name: 'prod' } }, options);
        const workspaceId = workspace?.id ?? '';
        const draft = { workspaceId, name: 'billing', role: Grant_Role.RUNTIME, withoutReveal: true };
        const { apiKey, token } = await access.createApiKey(draft, options);
        expect(apiKey).to.include({ role: Grant_Role.RUNTIME, workspaceId, withoutReveal: true });
        const holder = connect(createTransport, token);
        const who = await holder.access.whoAmI({}, holder.options);
        expect(who.grants).to.have.length(1);
        expect(who).to.include({ kind: 'api_key', name: 'billing', defaultWorkspaceId: workspaceId });
        const listed = await holder.workspaces.listWorkspaces({}, holder.options);
        expect(listed.workspaces.map(({ name }) => name)).to.deep.equal(['prod']);
        await access.revokeApiKey({ workspaceId, apiKeyId: apiKey?.id ?? '' }, options);
        expect(await connectCodeOf(holder.access.whoAmI({}, holder.options))).to.equal(Code.Unauthenticated);
      });

      it('keeps a secret of 20 levels, and refuses one of 200', async () => {
        const { vault, revealer, options } = connect(createTransport);
        const request = { workspaceId: 'default', credential: { name: 'deep' } };
        const kept = nested(20);
        const { credential } = await vault.createCredential({ ...request, secret: kept }, options);
        const target = { workspaceId: 'default', credentialId: credential?.id ?? '' };
        expect((await revealer.revealSecret(target, options)).secret).to.deep.equal(kept);
        const refused = vault.createCredential({ ...request, secret: nested(200) }, options);
        // Binary that nests too deep cannot be read, which Connect and gRPC call internal.
        expect(await connectCodeOf(refused)).to.be.oneOf([Code.InvalidArgument, Code.Internal]);
      });

      it('refuses with the codes that REST refuses with', async () => {
        const { vault, revealer, options } = connect(createTransport);
        const workspaceId = 'default';
        const credentialId = '018cc251-f400-7000-8000-00000000dead';
        const created = await vault.createCredential({ workspaceId, credential: { name: 'n' }, secret }, options);
        const existing = { workspaceId, credentialId: created.credential?.id ?? '' };
        const viewer = connect(createTransport, await coffer.issueKey({ role: 'VIEWER' }));
        await vault.deactivateCredential(existing, options);
        const codes = {
          absent: await connectCodeOf(vault.getCredential({ workspaceId, credentialId }, options)),
          'of an absent workspace': await connectCodeOf(
            vault.getCredential({ ...existing, workspaceId: credentialId }, options),
          ),
          'without a workspace': await connectCodeOf(
            vault.getCredential({ credentialId: existing.credentialId }, options),
          ),
          'without a name': await connectCodeOf(
            vault.createCredential({ workspaceId, credential: {}, secret }, options),
          ),
          'without a secret': await connectCodeOf(
            vault.createCredential({ workspaceId, credential: { name: 'n' } }, options),
          ),
          'a negative page': await connectCodeOf(vault.listCredentials({ workspaceId, pageSize: -1 }, options)),
          'a stale etag': await connectCodeOf(vault.deleteCredential({ ...existing, etag: '7' }, options)),
          inactive: await connectCodeOf(revealer.revealSecret(existing, options)),
          'without the permission': await connectCodeOf(viewer.revealer.revealSecret(existing, viewer.options)),
          'without a token': await connectCodeOf(vault.getCredential(existing)),
          'with a wrong token': await connectCodeOf(
            vault.getCredential(existing, { headers: { authorization: `Bearer cof_${'x'.repeat(43)}` } }),
          ),
        };
        expect(codes).to.deep.equal({
          absent: Code.NotFound,
          'of an absent workspace': Code.NotFound,
          'without a workspace': Code.InvalidArgument,
          'without a name': Code.InvalidArgument,
          'without a secret': Code.InvalidArgument,
          'a negative page': Code.InvalidArgument,
          'a stale etag': Code.Aborted,
          inactive: Code.FailedPrecondition,
          'without the permission': Code.PermissionDenied,
          'without a token': Code.Unauthenticated,
          'with a wrong token': Code.Unauthenticated,
        });
      });
    });
  }
});

/** Clients of all services, with the options that prove their caller. */
function clientsOf(transport: Transport, token: string) {
  return {
    vault: createClient(CredentialService, transport),
    revealer: createClient(SecretService, transport),
    workspaces: createClient(WorkspaceService, transport),
    access: createClient(AccessService, transport),
    options: { headers: { authorization: `Bearer ${token}` } },
  };
}

/** Objects of one member, so many of them within one another. */
function nested(levels: number): JsonObject {
  let value: JsonObject = { leaf: 'x' };
  for (let level = 1; level < levels; level += 1) value = { level: value };
  return value;
}

/** The code that a call fails with; undefined where it does not. */
