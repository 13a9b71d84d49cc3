import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { ComponentCredentialService } from '../../../gen/flowise/v1/component_credential_service_pb.ts';
import { CredentialService } from '../../../gen/flowise/v1/credential_service_pb.ts';
import { restClient } from '../call-rest.ts';
import { blankMarker, path, startFlowise, type FlowiseTest } from './flowise-test.ts';

describe('flowise: every call by id', () => {
  let flowise: FlowiseTest;

  before(async () => {
    flowise = await startFlowise();
  });
  after(() => flowise.coffer.stop());

  const calls: readonly [method: string, suffix: string][] = [
    ['GET', ''],
    ['GET', '/reveal'],
    ['PUT', ''],
    ['DELETE', ''],
  ];
  for (const [method, suffix] of calls) {
    it(`${method} …/:id${suffix} answers with and without a trailing slash, below the prefix and not`, async () => {
      const id = await flowise.create();
      for (const url of [`${path}${id}${suffix}`, `/flowise${path}${id}${suffix}`]) {
        expect((await flowise.call(method, url)).status).to.equal(200);
        expect((await flowise.call(method, `${url}/`)).status).to.equal(200);
      }
    });

    it(`${method} …/:id${suffix} answers 401 {"error":"Unauthorized Access"} without a key and with a wrong one`, async () => {
      const request = { method, path: `/flowise${path}${await flowise.create()}${suffix}` };
      for (const headers of [{}, { authorization: 'Bearer cof_wrong' }]) {
        const { status, body } = await restClient(flowise.coffer.origin)({ ...request, headers });
        expect({ status, body }).to.deep.equal({ status: 401, body: { error: 'Unauthorized Access' } });
      }
    });
  }

  for (const [protocol, createTransport] of [
    ['gRPC', (baseUrl: string) => createGrpcTransport({ baseUrl })],
    ['Connect', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
  ] as const) {
    it(`decides the same over ${protocol}`, async () => {
      const transport = createTransport(flowise.coffer.origin);
      const client = createClient(CredentialService, transport);
      const headers = { headers: { authorization: `Bearer ${flowise.token}` } };
      const baseUrl = 'https://a.example';
      const credentialId = await flowise.create({ plainDataObj: { key: 'sk-1', baseUrl } });
      const { credentials } = await client.listCredentials({ credentialName: ['openAIApi'] }, headers);
      expect(credentials.map(({ id }) => id)).to.include(credentialId);
      const { credential } = await client.getCredential({ credentialId }, headers);
      expect(credential?.plainDataObj).to.deep.equal({ key: blankMarker, baseUrl: blankMarker });
      const { plainDataObj } = await client.revealCredential({ credentialId }, headers);
      expect(plainDataObj).to.deep.equal({ key: blankMarker, baseUrl });
      const updated = await client.updateCredential({ credentialId, plainDataObj: { key: 'sk-2' } }, headers);
      expect(updated.credential?.encryptedData.length).to.be.greaterThan(100);
      expect((await client.deleteCredential({ credentialId }, headers)).affected).to.equal(1);
      const refused = await client
        .getCredential({ credentialId }, headers)
        .catch((error: unknown) => ConnectError.from(error));
      expect(refused).to.include({ code: Code.NotFound });
      const components = createClient(ComponentCredentialService, transport);
      const { componentCredential } = await components.getComponentCredential({ name: 'slackApi' }, headers);
      expect(componentCredential?.inputs[0]).to.include({ name: 'botToken', type: 'password' });
    });
  }
});
