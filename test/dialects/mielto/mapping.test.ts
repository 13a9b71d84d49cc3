import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect } from 'chai';
import {
  CreateCredentialRequestSchema,
  UpdateCredentialRequestSchema,
} from '../../../gen/mielto/v1/credential_service_pb.ts';
import {
  changeFromRequest,
  draftFromRequest,
  credentialToMessage,
  secretChangeFromRequest,
  secretFromRequest,
} from '../../../src/dialects/mielto/mapping.ts';
import { Secret } from '../../../src/vault/secret.ts';
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

function update(members: MessageInitShape<typeof UpdateCredentialRequestSchema>) {
  return create(UpdateCredentialRequestSchema, members);
}

describe("mielto's mapping", () => {
  it('keeps every member of a create', () => {
    const draft = draftFromRequest(
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
    const draft = draftFromRequest(request());
    expect(draft).to.include({ description: null, category: null, provider: 'custom', metadata: null });
  });

  it('takes an empty provider for the default one', () => {
    expect(draftFromRequest(request({ provider: '' })).provider).to.equal('custom');
  });

  it('keeps an empty description and an empty scope as they are', () => {
    expect(draftFromRequest(request({ description: '', credentialScope: '' }))).to.include({
      description: '',
      scope: '',
    });
  });

  it('makes the secret of the credentials', () => {
    expect(secretFromRequest(request()).expose()).to.deep.equal({ token: 'x' });
  });

  it('shows its own credential as it was sent', () => {
    const metadata = { user_id: 'u-1' };
    const own = { origin: 'mielto', authType: 'connection_string', category: 'vector_store', scope: 'user', metadata };
    expect(credentialToMessage(sampleCredential(own), now)).to.include({
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
      const read = credentialToMessage(sampleCredential({ origin: 'scale', authType, category: 'else' }), now);
      expect(read).to.include({ authType: shown, credentialScope: 'workspace' });
      expect(read.credentialType).to.equal(undefined);
    });
  }

  for (const [userId, shown] of [
    ['u-1', 'u-1'],
    [5, undefined],
    [null, undefined],
  ] as const) {
    it(`shows ${JSON.stringify(userId)} in the metadata of another dialect as the user id ${shown}`, () => {
      const metadata = { user_id: userId };
      const read = credentialToMessage(sampleCredential({ origin: 'scale', authType: 'key', metadata }), now);
      expect(read.userId).to.equal(shown);
    });
  }

  it('changes the members that an update has, and no other', () => {
    const current = sampleCredential({ origin: 'mielto', authType: 'api_key', metadata: { user_id: 'u', kept: 1 } });
    expect(changeFromRequest(update({}), current)).to.deep.equal({});
    expect(
      changeFromRequest(update({ label: 'New', description: '', provider: '', userId: 'v' }), current),
    ).to.deep.equal({
      name: 'New',
      description: '',
      provider: 'custom',
      metadata: { user_id: 'v', kept: 1 },
    });
    expect(
      changeFromRequest(update({ authType: 'custom', credentialType: 'llm', credentialScope: 'user' }), current),
    ).to.deep.equal({ authType: 'custom', category: 'llm', scope: 'user' });
  });

  it('keeps of another dialect what is sent back as it is shown', () => {
    const current = sampleCredential({ origin: 'miniflow', authType: 'slack' });
    const shown = credentialToMessage(current, now);
    expect(
      changeFromRequest(update({ authType: shown.authType ?? '', credentialScope: 'workspace' }), current),
    ).to.deep.equal({});
  });

  it('replaces the secret by the credentials of an update, but for their masks', () => {
    const change = secretChangeFromRequest(update({ credentials: { key: '********', region: 'us' } }));
    const merged = change?.merge(
      new Secret({ key: 'old', gone: 'x' }),
      sampleCredential({ origin: 'mielto', authType: 'api_key' }),
    );
    expect(merged?.secret.expose()).to.deep.equal({ key: 'old', region: 'us' });
    expect(secretChangeFromRequest(update({}))).to.equal(undefined);
  });

  const states = [
    { status: 'inactive', members: { isActive: false } },
    { status: 'expired', members: { expiresAt: new Date('2024-01-02T00:00:00Z') } },
  ];
  for (const { status, members } of states) {
    it(`shows the status ${status}`, () => {
      const credential = sampleCredential({ origin: 'mielto', authType: 'api_key', ...members });
      expect(credentialToMessage(credential, now).status).to.equal(status);
    });
  }
});
