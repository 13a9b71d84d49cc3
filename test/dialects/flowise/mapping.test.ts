import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { CreateCredentialRequestSchema } from '../../../gen/flowise/v1/credential_service_pb.ts';
import { draftFromRequest, type FlowiseDraft } from '../../../src/dialects/flowise/mapping.ts';
import { VaultError } from '../../../src/vault/errors.ts';

const key = 'sk-a-private-value';

function read(members: Partial<MessageInitShape<typeof CreateCredentialRequestSchema>>): FlowiseDraft {
  return draftFromRequest(
    create(CreateCredentialRequestSchema, { name: 'mine', credentialName: 'openAIApi', ...members }),
  );
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

describe('what flowise asks to be stored', () => {
  it('has its data from either member, or from both where they are the same', () => {
    const data = { openAIApiKey: key, options: { region: 'eu', retries: 2 } };
    const reordered = { options: { retries: 2, region: 'eu' }, openAIApiKey: key };
    for (const members of [
      { credentialData: data },
      { plainDataObj: data },
      { credentialData: data, plainDataObj: reordered },
    ]) {
      expect(read(members).secret.expose()).to.deep.equal(data);
    }
  });

  it('is refused where the two members differ, without showing them', () => {
    const message = messageOf(() => read({ credentialData: { key }, plainDataObj: { key: 'another' } }));
    expect(message).to.equal('credentialData and plainDataObj differ!');
  });

  it('is refused without any data', () => {
    expect(messageOf(() => read({}))).to.equal('credentialData not provided!');
  });

  it('may be data without fields', () => {
    for (const members of [{ credentialData: {} }, { plainDataObj: {} }, { credentialData: {}, plainDataObj: {} }]) {
      expect(read(members).secret.expose()).to.deep.equal({});
    }
  });

  it('keeps the name as it is, and may share it', () => {
    expect(read({ name: ' mine ', credentialData: { key } }).draft).to.include({
      name: ' mine ',
      provider: 'openAIApi',
      nameIsExclusive: false,
    });
  });

  it('is taken for an API key where it has one field', () => {
    expect(read({ credentialData: { key } }).draft.authType).to.equal('api_key');
    expect(read({ credentialData: { key, endpoint: 'https://example.org' } }).draft.authType).to.equal('custom');
  });
});
