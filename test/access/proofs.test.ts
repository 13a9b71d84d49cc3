import { expect } from 'chai';
import { proofs } from '../../src/access/proofs.ts';
import { RandomTokenSource } from '../../src/access/token-source.ts';

describe('proofs', () => {
  it('has exactly one way for each kind of token', () => {
    const source = new RandomTokenSource();
    for (const { token } of [source.newApiKeyToken(), source.newSessionToken()]) {
      expect(proofs.filter(({ accepts }) => accepts(token))).to.have.length(1);
    }
  });
});
