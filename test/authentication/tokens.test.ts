import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { hashToken, issueApiKeyToken, RandomTokenSource } from '../../src/authentication/tokens.ts';

describe('RandomTokenSource', () => {
  const source = new RandomTokenSource();

  it('makes API keys of cof_ and 43 base64url characters', () => {
    const { token, prefix } = source.newApiKeyToken();
    expect(token).to.match(/^cof_[A-Za-z0-9_-]{43}$/);
    expect(prefix).to.equal(token.slice(0, 8));
  });

  it('makes session tokens of fn_sess_ and 64 lower-case hex digits', () => {
    const { token, prefix } = source.newSessionToken();
    expect(token).to.match(/^fn_sess_[0-9a-f]{64}$/);
    expect(prefix).to.equal(token.slice(0, 12));
  });

  it('gives the SHA-256 of the token beside it', () => {
    const { token, hash } = source.newApiKeyToken();
    expect(Buffer.from(hash)).to.deep.equal(createHash('sha256').update(token).digest());
  });

  it('never makes a token twice', () => {
    const tokens = Array.from({ length: 1_000 }, () => source.newApiKeyToken().token);
    expect(new Set(tokens)).to.have.property('size', 1_000);
  });
});

describe('hashToken', () => {
  it('answers the known SHA-256 of "abc"', () => {
    const known = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(Buffer.from(hashToken('abc')).toString('hex')).to.equal(known);
  });
});

describe('issueApiKeyToken', () => {
  it('keeps the token that was chosen, and shows its first characters', () => {
    const token = `cof_${'abcd'.repeat(10)}efg`;
    expect(issueApiKeyToken(token)).to.deep.equal({ token, hash: hashToken(token), prefix: 'cof_abcd' });
  });
});
