import { create, fromJson, type MessageInitShape } from '@bufbuild/protobuf';
import { expect } from 'chai';
import {
  CreateApiKeyCredentialRequestSchema,
  CreateSlackCredentialRequestSchema,
  UpdateCredentialRequestSchema,
} from '../../../gen/miniflow/v1/credential_service_pb.ts';
import {
  draftFromApiKeyRequest,
  changeFromRequest,
  credentialToMessage,
  detailToMessage,
  draftFromSlackRequest,
  summaryToMessage,
} from '../../../src/dialects/miniflow/mapping.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { Secret } from '../../../src/vault/secret.ts';
import { sampleCredential } from '../sample-credential.ts';

function apiKeyRequest(members: MessageInitShape<typeof CreateApiKeyCredentialRequestSchema> = {}) {
  return create(CreateApiKeyCredentialRequestSchema, { name: 'A', apiKey: 'sk-1', provider: 'OPENAI', ...members });
}

function slackRequest(members: MessageInitShape<typeof CreateSlackCredentialRequestSchema> = {}) {
  return create(CreateSlackCredentialRequestSchema, { name: 'A', botToken: 'xoxb-1', ...members });
}

describe("miniflow's mapping", () => {
  it('trims the texts of an API key, and writes its provider in upper case', () => {
    const { draft, secret } = draftFromApiKeyRequest(
      apiKeyRequest({ name: ' A ', apiKey: ' sk-1\n', provider: ' OpenAI ' }),
    );
    expect(draft).to.include({ name: 'A', provider: 'OPENAI', authType: 'api_key', nameIsExclusive: true });
    expect(secret.expose()).to.deep.equal({ api_key: 'sk-1' });
  });

  it('keeps description, tags and expiry', () => {
    const expiresAt = '2025-01-01T00:00:00Z';
    const { draft } = draftFromApiKeyRequest(apiKeyRequest({ description: 'd', tags: ['ai', 'gpt'], expiresAt }));
    expect(draft).to.deep.include({ description: 'd', tags: ['ai', 'gpt'], expiresAt: new Date(expiresAt) });
  });

  it('leaves unsaid what a create leaves unsaid', () => {
    const { draft } = draftFromApiKeyRequest(apiKeyRequest());
    expect(draft).to.deep.include({ description: null, tags: [], expiresAt: null });
  });

  it('makes a Slack secret of those tokens that were sent', () => {
    const all = draftFromSlackRequest(slackRequest({ signingSecret: ' s ', appToken: 'xapp-1' }));
    expect(all.secret.expose()).to.deep.equal({ bot_token: 'xoxb-1', signing_secret: 's', app_token: 'xapp-1' });
    expect(all.draft).to.include({ provider: 'SLACK', authType: 'slack' });
    expect(draftFromSlackRequest(slackRequest()).secret.expose()).to.deep.equal({ bot_token: 'xoxb-1' });
  });

  const refusals = {
    'Credential name cannot be empty': () => draftFromApiKeyRequest(apiKeyRequest({ name: ' ' })),
    'API key cannot be empty': () => draftFromApiKeyRequest(apiKeyRequest({ apiKey: '\t' })),
    'Provider cannot be empty': () => draftFromApiKeyRequest(apiKeyRequest({ provider: ' ' })),
    'Bot token cannot be empty': () => draftFromSlackRequest(slackRequest({ botToken: ' ' })),
    'Signing secret cannot be empty': () => draftFromSlackRequest(slackRequest({ signingSecret: '' })),
    'App token cannot be empty': () => draftFromSlackRequest(slackRequest({ appToken: ' ' })),
    "Invalid bot token format. Should start with 'xoxb-'": () =>
      draftFromSlackRequest(slackRequest({ botToken: 'xoxp-1' })),
  };
  for (const [message, refused] of Object.entries(refusals)) {
    it(`refuses: ${message}`, () => {
      expect(refused).to.throw(VaultError, message).with.nested.property('details.reason', 'INVALID_INPUT');
    });
  }

  it('refuses a blank name in an update', () => {
    const update = create(UpdateCredentialRequestSchema, { name: '  ' });
    expect(() => changeFromRequest(update)).to.throw(VaultError, 'Credential name cannot be empty');
  });

  it('changes nothing for an update without members, or with nulls', () => {
    const nulls = fromJson(UpdateCredentialRequestSchema, { name: null, description: null, tags: null });
    expect(changeFromRequest(nulls)).to.deep.equal({});
    expect(changeFromRequest(create(UpdateCredentialRequestSchema))).to.deep.equal({});
  });

  it('changes the members that an update has, and distinguishes an empty list of tags from none', () => {
    const update = fromJson(UpdateCredentialRequestSchema, { name: ' B ', description: '', tags: [] });
    expect(changeFromRequest(update)).to.deep.equal({ name: 'B', description: '', tags: [] });
  });

  it('refuses tags that are not texts', () => {
    const update = fromJson(UpdateCredentialRequestSchema, { tags: ['a', 1] });
    expect(() => changeFromRequest(update)).to.throw(VaultError, 'tags must be a list of strings');
  });

  it('formats ids as a prefix and the last 16 hex digits, upper-case', () => {
    expect(credentialToMessage(sampleCredential({ origin: 'miniflow', authType: 'api_key' }))).to.include({
      id: 'CRD-8DEF0123456789AB',
      workspaceId: 'WSP-800000000000A001',
      ownerId: 'USR-800000000000B002',
    });
  });

  it('shows the secret only in the detail, and only where it was revealed', () => {
    const credential = sampleCredential({ origin: 'miniflow', authType: 'api_key' });
    const secret = new Secret({ api_key: 'sk-1' });
    expect(detailToMessage(credential, secret).credentialData).to.deep.equal({ api_key: 'sk-1' });
    expect(detailToMessage(credential).credentialData).to.equal(undefined);
    expect(credentialToMessage(credential)).to.not.have.property('credentialData');
    expect(summaryToMessage(credential)).to.not.have.any.keys('credentialData', 'workspaceId', 'ownerId', 'createdAt');
  });

  it('shows what another dialect created by its nearest type, and its provider in upper case', () => {
    const shown = summaryToMessage(sampleCredential({ origin: 'mielto', authType: 'oauth_token', provider: 'gitHub' }));
    expect(shown).to.include({ credentialType: 'OAUTH2', credentialProvider: 'GITHUB' });
  });

  it('shows an expired credential as active where it was never deactivated', () => {
    const expired = sampleCredential({ origin: 'miniflow', authType: 'api_key', expiresAt: new Date(0) });
    expect(summaryToMessage(expired).isActive).to.equal(true);
  });
});
