import { expect } from 'chai';
import { assert, dictionary, property, string } from 'fast-check';
import { openSalted } from '../../../src/import/formats/openssl-salted.ts';
import { changeCharacter, sealAsFlowise, sealAsOldN8n } from '../sealing.ts';

const passphrase = 'passphrase-of-a-test';
const content = { openAIApiKey: 'sk-0123456789abcdef0123456789abcdef', organization: 'org-1' };

function open(text: string, key = passphrase) {
  return openSalted(text, Buffer.from(key));
}

describe('openSalted', () => {
  it('opens what the program openssl encrypted', () => {
    const text = 'U2FsdGVkX18zr14HAL4ulLsq76kofd9RqqDvKIyDFGwUhiot3N8mV8YwV5LGB6ZpnPnAOhawTaXemDug9rr2Pg==';
    expect(open(text)).to.deep.equal({ state: 'opened', fields: { openAIApiKey: 'sk-from-openssl' } });
  });

  it('opens every object that crypto-js encrypted, under any passphrase', () => {
    const anyObject = dictionary(string({ minLength: 1 }), string(), { minKeys: 1, noNullPrototype: true });
    assert(
      property(anyObject, string({ unit: 'grapheme', minLength: 1 }), (fields, key) => {
        expect(open(sealAsFlowise(fields, key), key)).to.deep.equal({ state: 'opened', fields });
      }),
      { numRuns: 50 },
    );
  });

  it('opens under a passphrase of latin1 characters', () => {
    const text = sealAsOldN8n(content, 'schlüssel');
    expect(openSalted(text, Buffer.from('schlüssel', 'latin1'))).to.deep.equal({ state: 'opened', fields: content });
  });

  it('never opens under another passphrase, though the padding is right once in 256 times', () => {
    const states = Array.from({ length: 1000 }, (_, index) => open(sealAsFlowise(content, `other ${index}`)).state);
    expect(states).to.not.include('opened');
    expect(states.filter((state) => state === 'wrong key')).to.have.length.greaterThan(990);
  });

  const sealed = sealAsFlowise(content, passphrase);
  const damaged: Readonly<Record<string, string>> = {
    'was changed in its first block': changeCharacter(sealed, 24),
    'was changed in its middle': changeCharacter(sealed, 60),
    'was changed at its end': changeCharacter(sealed, -6),
    'was cut off within a block': sealed.slice(0, 60),
    'was cut off between blocks': Buffer.from(sealed, 'base64').subarray(0, 48).toString('base64'),
    'is empty': '',
    'is only the salt': sealed.slice(0, 20),
    'is not base64': `${sealed.slice(0, 40)}*${sealed.slice(41)}`,
    'has another beginning': Buffer.from('Unsalted0123456789abcdef').toString('base64'),
  };
  for (const [title, text] of Object.entries(damaged)) {
    it(`calls what ${title} damaged`, () => {
      expect(open(text).state).to.equal('damaged');
    });
  }

  it('does not open a list', () => {
    expect(open(sealAsFlowise(['not an object'], passphrase)).state).to.not.equal('opened');
  });

  it('calls an object without members empty', () => {
    expect(open(sealAsFlowise({}, passphrase)).state).to.equal('empty');
  });

  it('quotes nothing of the text in its reasons', () => {
    const results = Object.values(damaged).map((text) => JSON.stringify(open(text)));
    for (const result of results) expect(result).to.not.match(/sk-|org-1/);
  });
});
