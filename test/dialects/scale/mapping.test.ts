import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { CreateCredentialRequestSchema } from '../../../gen/scale/v5/credential_service_pb.ts';
import { credentialToMessage, draftFromRequest } from '../../../src/dialects/scale/mapping.ts';
import { sampleCredential } from '../sample-credential.ts';

function request(members: MessageInitShape<typeof CreateCredentialRequestSchema> = {}) {
  return create(CreateCredentialRequestSchema, { type: 'key', name: 'Primary', payload: 'p', ...members });
}

describe("scale's mapping", () => {
  it('keeps every member of a create, and its name to itself', () => {
    const draft = draftFromRequest(
      request({ type: 'Certificate', description: 'For models', credentialMetadata: { a: [1] } }),
    );
    expect(draft).to.include({
      name: 'Primary',
      nameIsExclusive: true,
      description: 'For models',
      authType: 'Certificate',
      provider: 'custom',
    });
    expect(draft.metadata).to.deep.equal({ a: [1] });
  });

  it('leaves unsaid what a create leaves unsaid', () => {
    expect(draftFromRequest(request())).to.include({ description: null, metadata: null });
  });

  it('distinguishes an empty object of metadata from none', () => {
    expect(draftFromRequest(request({ credentialMetadata: {} })).metadata).to.deep.equal({});
    const empty = credentialToMessage(sampleCredential({ origin: 'scale', authType: 'key', metadata: {} }));
    expect(empty.credentialMetadata).to.deep.equal({});
  });

  it('shows its own credential as it was sent', () => {
    const own = sampleCredential({ origin: 'scale', authType: 'Certificate', description: '', metadata: { a: [1] } });
    const shown = credentialToMessage(own);
    expect(shown).to.include({
      object: 'credential',
      type: 'Certificate',
      name: 'Primary',
      description: '',
      createdByUserId: own.createdBy,
      createdByIdentityType: 'user',
    });
    expect(shown.credentialMetadata).to.deep.equal({ a: [1] });
  });

  const foreign = { api_key: 'key', jwt: 'key', JWT: 'key', slack: 'json', custom: 'json' };
  for (const [authType, type] of Object.entries(foreign)) {
    it(`shows the auth type ${authType} of another dialect as ${type}`, () => {
      expect(credentialToMessage(sampleCredential({ origin: 'miniflow', authType })).type).to.equal(type);
    });
  }
});
