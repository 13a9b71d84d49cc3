import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { CreateCredentialRequestSchema } from '../../../gen/mielto/v1/credential_service_pb.ts';
import { draftOf, readOf, secretOf } from '../../../src/dialects/mielto/mapping.ts';
import { sampleCredential } from '../sample-credential.ts';

const now = new Date('2024-01-03T00:00:00Z');

function request(members: MessageInitShape<typeof CreateCredentialRequestSchema> = {}) {
  return create(CreateCredentialRequestSchema, {
    label: 'Primary',
    authType: 'oauth_token',
    credentialScope: 'workspace_member',
    credentials: { token: 'x' },
    ...members,
  });
}

describe("mielto's mapping", () => {
  it('keeps every member of a create', () => {
    const draft = draftOf(
      request({ description: 'For models', credentialType: 'llm', provider: 'openai', userId: 'u-1' }),
    );
    expect(draft).to.include({
      name: 'Primary',
      nameIsExclusive: false,
      description: 'For models',
      authType: 'oauth_token',
      category: 'llm',
      scope: 'workspace_member',
      provider: 'openai',
    });
    expect(draft.metadata).to.deep.equal({ user_id: 'u-1' });
  });

  it('leaves unsaid what a create leaves unsaid', () => {
    const draft = draftOf(request());
    expect(draft).to.include({ description: null, category: null, provider: 'custom', metadata: null });
  });

  it('takes an empty provider for the default one', () => {
    expect(draftOf(request({ provider: '' })).provider).to.equal('custom');
  });

  it('keeps an empty description and an empty scope as they are', () => {
    expect(draftOf(request({ description: '', credentialScope: '' }))).to.include({ description: '', scope: '' });
  });

  it('makes the secret of the credentials', () => {
    expect(secretOf(request()).expose()).to.deep.equal({ token: 'x' });
  });

  it('shows its own credential as it was sent', () => {
    const metadata = { user_id: 'u-1' };
    const own = { origin: 'mielto', authType: 'connection_string', category: 'vector_store', scope: 'user', metadata };
    expect(readOf(sampleCredential(own), now)).to.include({
      label: 'Primary',
      authType: 'connection_string',
      credentialType: 'vector_store',
      credentialScope: 'user',
      userId: 'u-1',
      status: 'active',
    });
  });

  const foreign = { api_key: 'api_key', key: 'api_key', slack: 'access_token', oauth2: 'oauth_token', json: 'custom' };
  for (const [authType, shown] of Object.entries(foreign)) {
    it(`shows the auth type ${authType} of another dialect as ${shown}`, () => {
      const metadata = { user_id: 'not a user' };
      const read = readOf(sampleCredential({ origin: 'scale', authType, category: 'else', metadata }), now);
      expect(read).to.include({ authType: shown, credentialScope: 'workspace' });
      expect(read.credentialType).to.equal(undefined);
      expect(read.userId).to.equal(undefined);
    });
  }

  const states = [
    { status: 'inactive', members: { isActive: false } },
    { status: 'expired', members: { expiresAt: new Date('2024-01-02T00:00:00Z') } },
  ];
  for (const { status, members } of states) {
    it(`shows the status ${status}`, () => {
      const credential = sampleCredential({ origin: 'mielto', authType: 'api_key', ...members });
      expect(readOf(credential, now).status).to.equal(status);
    });
  }
});
