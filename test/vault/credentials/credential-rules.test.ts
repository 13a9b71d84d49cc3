import { expect } from 'chai';
import type { CredentialDraft } from '../../../src/vault/credentials/credential.ts';
import { checkDraft, checkSecret, draftDefaults } from '../../../src/vault/credentials/credential-rules.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { Secret } from '../../../src/vault/secret.ts';

const draft: CredentialDraft = { ...draftDefaults, name: 'primary', provider: 'openai', authType: 'api_key' };

function faultOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof VaultError && error.code === 'invalid_argument') return error.details.field;
    throw error;
  }
}

describe('the rules of a credential', () => {
  const accepted: [string, Partial<CredentialDraft>][] = [
    ['255 characters of name, counted as code points', { name: '😀'.repeat(255) }],
    ['1,000 characters of description', { description: 'd'.repeat(1_000) }],
    ['64 tags of 63 characters', { tags: Array.from({ length: 64 }, (_, index) => String(index).padEnd(63, 't')) }],
    ['an expiry that has passed', { expiresAt: new Date(0) }],
    ['a label without a value', { labels: { env: '' } }],
  ];
  for (const [title, change] of accepted) {
    it(`accept ${title}`, () => {
      expect(faultOf(() => checkDraft({ ...draft, ...change }))).to.equal(undefined);
    });
  }

  const refused: [string, Partial<CredentialDraft>, string][] = [
    ['an empty name', { name: '' }, 'name'],
    ['256 characters of name', { name: 'n'.repeat(256) }, 'name'],
    ['U+0000 in a name', { name: 'a\0b' }, 'name'],
    ['1,001 characters of description', { description: 'd'.repeat(1_001) }, 'description'],
    ['65 tags', { tags: Array.from({ length: 65 }, () => 't') }, 'tags'],
    ['a tag of 64 characters', { tags: ['t'.repeat(64)] }, 'tags'],
    ['an empty tag', { tags: [''] }, 'tags'],
    ['a label of 64 characters', { labels: { env: 'v'.repeat(64) } }, 'labels'],
    ['metadata of more than 16 KiB', { metadata: { text: 'm'.repeat(16_384) } }, 'metadata'],
    ['U+0000 in the depths of metadata', { metadata: { list: [{ text: '\0' }] } }, 'metadata'],
    ['U+0000 in the name of a member', { metadata: { 'a\0': 1 } }, 'metadata'],
    ['a number that JSON can not spell', { metadata: { list: [{ number: Number.NaN }] } }, 'metadata'],
    ['an invalid time', { expiresAt: new Date(Number.NaN) }, 'expires_at'],
    ['a time of the year 10000', { expiresAt: new Date(Date.UTC(10_000, 0, 1)) }, 'expires_at'],
  ];
  for (const [title, change, field] of refused) {
    it(`refuse ${title}`, () => {
      expect(faultOf(() => checkDraft({ ...draft, ...change }))).to.equal(field);
    });
  }

  it('distinguish an escaped backslash before u0000 from the character itself', () => {
    expect(faultOf(() => checkDraft({ ...draft, metadata: { text: String.raw`\u0000` } }))).to.equal(undefined);
    expect(faultOf(() => checkSecret(new Secret({ text: String.raw`\u0000` }), 100))).to.equal(undefined);
    expect(faultOf(() => checkSecret(new Secret({ text: '\0' }), 100))).to.equal('secret');
  });

  it('distinguish a number that JSON cannot represent from a null that was meant', () => {
    expect(faultOf(() => checkSecret(new Secret({ list: [null], text: 'null' }), 100))).to.equal(undefined);
    for (const number of [Number.NaN, Infinity, -Infinity]) {
      expect(faultOf(() => checkSecret(new Secret({ list: [{ number }] }), 100))).to.equal('secret');
    }
  });

  it('refuse a secret without fields, and one over the limit in bytes of its JSON', () => {
    expect(faultOf(() => checkSecret(new Secret({}), 100))).to.equal('secret');
    const atLimit = { key: 'é'.repeat(45) };
    expect(faultOf(() => checkSecret(new Secret(atLimit), 100))).to.equal(undefined);
    expect(faultOf(() => checkSecret(new Secret(atLimit), 99))).to.equal('secret');
  });
});
