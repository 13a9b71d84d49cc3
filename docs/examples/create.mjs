import { credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const includeDirs = ['proto'];
const { coffer } = loadPackageDefinition(loadSync('coffer/v1/credential_service.proto', { includeDirs }));
const client = new coffer.v1.CredentialService('127.0.0.1:3978', credentials.createInsecure());

const metadata = new Metadata();
metadata.set('authorization', `Bearer ${process.env.KEY}`);
const request = {
  workspaceId: 'default',
  credential: { name: 'GitHub', provider: 'github', authType: 'api_key' },
  secret: { fields: { token: { stringValue: 'ghp_example' } } },
};
client.CreateCredential(request, metadata, (error, response) => {
  console.log(error ?? response.credential.id);
  client.close();
});
