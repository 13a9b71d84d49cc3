import { expect } from 'chai';
import { authTypeMappings } from '../../../src/dialects/shared/auth-type-mapping.ts';

const { miniflow } = authTypeMappings;

const names = [
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
  for (const type of names) {
    it(`shows ${type} for an auth type of that name, in upper or lower case`, () => {
      expect(miniflow.nameOf(type)).to.equal(type);
      expect(miniflow.nameOf(type.toLowerCase())).to.equal(type);
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
      expect(miniflow.nameOf(authType)).to.equal(type);
    });
  }

  it('filters each type by the auth types that are shown as it', () => {
    for (const type of names.filter((name) => name !== 'CUSTOM')) {
      const { authTypes = [] } = miniflow.filterOf(type);
      expect(authTypes, type).to.include(type.toLowerCase());
      expect(new Set(authTypes.map(miniflow.nameOf)), type).to.deep.equal(new Set([type]));
    }
  });

  it('filters the type of all others by the auth types that are not shown as it', () => {
    const { authTypesExcept = [], authTypes } = miniflow.filterOf('CUSTOM');
    expect(authTypes).to.equal(undefined);
    expect(authTypesExcept).to.include('api_key').and.not.include('custom');
    expect(authTypesExcept.map(miniflow.nameOf)).to.not.include('CUSTOM');
  });
});
