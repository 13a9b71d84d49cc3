import { expect } from 'chai';
import { authenticationMethods } from '../../src/authentication/authenticator.ts';
import { RandomTokenSource } from '../../src/authentication/tokens.ts';

describe('authentication methods', () => {
  it('has exactly one way for each kind of token', () => {
    const source = new RandomTokenSource();
    const tokens = [source.newApiKeyToken().token, source.newSessionToken().token, 'e30.e30.c2ln'];
    for (const token of tokens) {
      expect(authenticationMethods.filter(({ accepts }) => accepts(token))).to.have.length(1);
    }
  });
});
