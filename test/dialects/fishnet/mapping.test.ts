import { create } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { CreateCredentialRequestSchema } from '../../../gen/fishnet/v1/credential_service_pb.ts';
import { credentialToMessage, draftFromRequest, type FishnetDraft } from '../../../src/dialects/fishnet/mapping.ts';
import { draftDefaults } from '../../../src/vault/credentials/credential-rules.ts';
import type { Credential } from '../../../src/vault/credentials/credential.ts';
import { VaultError } from '../../../src/vault/errors.ts';

const key = 'sk-a-private-value';

type Member = 'service' | 'name' | 'key' | 'apiKey';

function read(members: Partial<Record<Member, string>>): FishnetDraft {
  return draftFromRequest(create(CreateCredentialRequestSchema, { service: 'openai', name: 'primary', ...members }));
}

function messageOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof VaultError && error.code === 'invalid_argument') return error.message;
    throw error;
  }
}

describe('what fishnet asks to be stored', () => {
  it('loses the white space around it', () => {
    const { draft, secret } = read({ service: '\topenai ', name: ' primary\n', key: `\u00a0${key}\r\n` });
    expect(draft).to.include({ provider: 'openai', name: 'primary', authType: 'api_key', nameIsExclusive: false });
    expect(secret.expose()).to.deep.equal({ key });
  });

  it('has its key under either name', () => {
    expect(read({ apiKey: key }).secret.expose()).to.deep.equal({ key });
    expect(read({ key: '  ', apiKey: key }).secret.expose()).to.deep.equal({ key });
    expect(read({ key, apiKey: ` ${key} ` }).secret.expose()).to.deep.equal({ key });
  });

  it('is refused where the two keys differ, without showing them', () => {
    expect(messageOf(() => read({ key, apiKey: 'another' }))).to.equal('key and api_key differ');
  });

  for (const member of ['service', 'name', 'key']) {
    it(`is refused with a blank ${member}`, () => {
      expect(messageOf(() => read({ key, [member]: ' \u2003\n' }))).to.equal('service, name, and key are required');
    });
  }
});

describe('what fishnet shows of a credential', () => {
  const credential: Credential = {
    ...draftDefaults,
    workspaceId: '018cc251-f400-7000-8000-000000000001',
    id: '018cc251-f400-7000-8000-000000000002',
    name: 'primary',
    provider: 'openai',
    authType: 'api_key',
    lastUsedAt: null,
    useCount: 0,
    currentVersion: 1,
    oldestVersion: null,
    revision: 1,
    origin: 'fishnet',
    createdBy: '018cc251-f400-7000-8000-000000000003',
    createdAt: new Date('2023-11-14T22:13:20.999Z'),
    updatedAt: new Date('2023-11-14T22:13:20.999Z'),
    deletedAt: null,
    purgeAt: null,
    purgedAt: null,
    noticeAt: null,
  };

  it('has its times in whole seconds, and none for a use that has not been', () => {
    expect(credentialToMessage(credential)).to.deep.equal({
      id: credential.id,
      service: 'openai',
      name: 'primary',
      createdAt: 1_700_000_000n,
    });
    expect(credentialToMessage({ ...credential, lastUsedAt: new Date(0) }).lastUsedAt).to.equal(0n);
  });
});
