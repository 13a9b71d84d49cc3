import { expect } from 'chai';
import { parsePhc, formatPhc } from '../../src/authentication/password-hasher.ts';

const salt = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const tag = Buffer.alloc(32, 0xff);
const text = `$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$${'/'.repeat(42)}8`;

describe('PHC strings', () => {
  it('are written with the parameters in order and base64 without padding', () => {
    expect(formatPhc({ memoryKib: 19_456, passes: 2, parallelism: 1, salt, tag })).to.equal(text);
  });

  it('are read back', () => {
    expect(parsePhc(text)).to.deep.equal({ memoryKib: 19_456, passes: 2, parallelism: 1, salt, tag });
  });

  const refused: Record<string, string> = {
    nothing: '',
    'another algorithm': text.replace('argon2id', 'argon2d'),
    'another version': text.replace('v=19', 'v=16'),
    'no version': text.replace('$v=19', ''),
    'memory beyond 1 GiB': text.replace('m=19456', 'm=1048577'),
    'memory beyond any number': text.replace('m=19456', `m=${'9'.repeat(400)}`),
    'memory too little for the lanes': text.replace('m=19456', 'm=7'),
    'no memory': text.replace('m=19456', 'm=0'),
    'negative passes': text.replace('t=2', 't=-2'),
    'too many passes': text.replace('t=2', 't=17'),
    'too many lanes': text.replace('p=1', 'p=17'),
    'parameters in another order': text.replace('m=19456,t=2', 't=2,m=19456'),
    'an unknown parameter': text.replace('p=1', 'p=1,keyid=AA'),
    'a short salt': text.replace('AAECAwQFBgcICQoLDA0ODw', 'AAECAw'),
    'padded base64': `${text}=`,
    base64url: text.replaceAll('/', '_'),
    'base64 with bits left over': text.replace(/8$/, '9'),
    'something behind it': `${text}$`,
    'a line end behind it': `${text}\n`,
  };
  for (const [title, refusedText] of Object.entries(refused)) {
    it(`are not read with ${title}`, () => {
      expect(parsePhc(refusedText)).to.equal(undefined);
    });
  }
});
