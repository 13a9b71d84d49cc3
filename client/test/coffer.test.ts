import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../test/support/coffer.ts';
import { Coffer as GrpcCoffer } from '../src/grpc.ts';
import { Coffer, NotFoundError, UnauthenticatedError } from '../src/index.ts';

describe('a client', () => {
  let server: TestCoffer;
  before(async () => (server = await startCoffer()));
  after(() => server.stop());

  for (const [name, Client] of Object.entries({ 'Connect over fetch': Coffer, gRPC: GrpcCoffer })) {
    it(`creates and reveals a credential: ${name}`, async () => {
      const { origin: url, adminToken: token } = server;
      const client = new Client({ url, token });
      const { workspace: workspaceId } = client;
      const created = await client.credentials.createCredential({
        workspaceId,
        credential: { name, provider: 'openai', authType: 'api_key' },
        secret: { api_key: 'sk-canary' },
      });
      const credentialId = created.credential?.id ?? '';
      const revealed = await client.secrets.revealSecret({ workspaceId, credentialId });
      expect(revealed.secret).to.deep.equal({ api_key: 'sk-canary' });
    });

    it(`reports refusals as errors of their kind: ${name}`, async () => {
      const { origin: url, adminToken: token } = server;
      const credentialId = '01890000-0000-7000-8000-000000000000';
      const request = { workspaceId: 'default', credentialId };
      const absent = await new Client({ url, token }).credentials.getCredential(request).catch((error) => error);
      expect(absent).to.be.instanceOf(NotFoundError).with.property('code', 'not_found');
      const anonymous = await new Client({ url }).credentials.getCredential(request).catch((error) => error);
      expect(anonymous).to.be.instanceOf(UnauthenticatedError).with.property('reason', 'TOKEN_MISSING');
    });
  }
});
