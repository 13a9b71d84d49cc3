import { expect } from 'chai';
import { authTypesOf, credentialTypeOf } from '../../../src/dialects/miniflow/credential-types.ts';

const credentialTypes = [
  'API_KEY',
  'SLACK',
  'OAUTH2',
  'BASIC_AUTH',
  'JWT',
  'AWS_CREDENTIALS',
  'GCP_SERVICE_ACCOUNT',
  'SSH_KEY',
  'BEARER_TOKEN',
  'CUSTOM',
];

describe("miniflow's credential types", () => {
  for (const type of credentialTypes) {
    it(`shows ${type} for an auth type of that name, in upper or lower case`, () => {
      expect(credentialTypeOf(type)).to.equal(type);
      expect(credentialTypeOf(type.toLowerCase())).to.equal(type);
    });
  }

  const foreign = {
    key: 'API_KEY',
    access_token: 'BEARER_TOKEN',
    oauth_token: 'OAUTH2',
    json: 'CUSTOM',
    '?': 'CUSTOM',
  };
  for (const [authType, type] of Object.entries(foreign)) {
    it(`shows ${type} for the auth type ${authType} of another dialect`, () => {
      expect(credentialTypeOf(authType)).to.equal(type);
    });
  }

  it('lists for each type the auth types that are shown as it, except for the type of all others', () => {
    for (const type of credentialTypes.filter((candidate) => candidate !== 'CUSTOM')) {
      const authTypes = authTypesOf(type) ?? [];
      expect(authTypes, type).to.include(type.toLowerCase());
      expect(new Set(authTypes.map(credentialTypeOf)), type).to.deep.equal(new Set([type]));
    }
    expect(authTypesOf('CUSTOM')).to.equal(undefined);
  });
});
