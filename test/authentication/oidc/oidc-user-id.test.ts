import { expect } from 'chai';
import { oidcUserId } from '../../../src/authentication/oidc/claims.ts';
import { parseId } from '../../../src/vault/ids.ts';

describe('oidcUserId', () => {
  it('is a UUIDv8 that never changes', () => {
    const id = oidcUserId('https://issuer.example', 'alice');
    expect(id).to.equal('7c5dfcca-b03e-8138-8f2c-27add3886966');
    expect(parseId(id)).to.equal(id);
    expect(id).to.match(/^.{14}8.{4}[89ab]/);
  });

  it('distinguishes issuers and subjects, also where their concatenations are equal', () => {
    const ids = [
      oidcUserId('https://issuer.example', 'alice'),
      oidcUserId('https://issuer.example', 'Alice'),
      oidcUserId('https://issuer.example/', 'alice'),
      oidcUserId('https://issuer.examplea', 'lice'),
    ];
    expect(new Set(ids).size).to.equal(ids.length);
  });
});
