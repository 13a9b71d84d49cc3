import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { openFernet, parseFernetKey, type FernetKey } from '../../../src/import/formats/fernet.ts';
import { changeCharacter, sealAsFernet } from '../sealing.ts';

const keyBytes = Buffer.from('0123456789abcdef0123456789abcdef');
const content = { api_key: 'sk-0123456789abcdef', note: 'a text of more than one block of sixteen bytes' };

function keyOf(text: string): FernetKey {
  const key = parseFernetKey(text);
  if (!key) throw new Error('the key cannot be parsed');
  return key;
}

describe('openFernet', () => {
  const key = keyOf(keyBytes.toString('base64url'));

  it('opens what the Python library cryptography made', () => {
    const tokens = [
      'gAAAAABlU_EAxyqo88qv5igkvqHJhPXjY3kvpH9jbI_9kVmTUWPxz9jDbruE89bC_8ohGrlGXLjuPbZyD2jc5h9eumyJQ0iqExUgUMAPfPw0xk1Mif0pahtc3J2YWmzg7zPiOHFlbnad',
      'gAAAAABlU_EAOTaONbMdjMDdhLdkq0L__y2QpA3ttrIuDeOgrxLEDEgCwXbTaUFHM5Bi7BtYGpwzZwpwUrqK5R7dVo-46dK4xjvyQZxSs3vYlu7Oy5K43Mp2XM10Gk7sYRxYeBbiQy-cugHEsf-vH3-3kxjIUdZJF-1i0tkXl66newG1J9m1Xy4=',
    ];
    expect(tokens.map((token) => openFernet(token, key))).to.deep.equal([
      { state: 'opened', fields: { api_key: 'sk-python-ünïcode' } },
      { state: 'opened', fields: { bot_token: 'xoxb-1', signing_secret: 's', app_token: 'xapp-1' } },
    ]);
  });

  it('opens tokens of any length', () => {
    for (let length = 0; length < 50; length++) {
      const fields = { api_key: 'x'.repeat(length) };
      expect(openFernet(sealAsFernet(fields, keyBytes), key)).to.deep.equal({ state: 'opened', fields });
    }
  });

  it('never opens a token of another key', () => {
    const states = Array.from({ length: 300 }, () => openFernet(sealAsFernet(content, randomBytes(32)), key).state);
    expect(states).to.not.include('opened');
    expect(states.filter((state) => state === 'wrong key')).to.have.length.greaterThan(290);
  });

  const token = sealAsFernet(content, keyBytes);
  const damaged: Readonly<Record<string, string>> = {
    'whose MAC was changed': changeCharacter(token, -8),
    'whose time was changed': changeCharacter(token, 8),
    'whose ciphertext was changed': changeCharacter(token, 80),
    'that was cut off': token.slice(0, 60),
    'that lacks its last block': Buffer.from(token, 'base64url').subarray(0, -16).toString('base64url'),
    'of another version': changeCharacter(token, 0),
    'that is empty': '',
    'that contains a list': sealAsFernet(['a list'], keyBytes),
  };
  for (const [title, text] of Object.entries(damaged)) {
    it(`calls a token ${title} damaged`, () => {
      expect(openFernet(text, key).state).to.equal('damaged');
    });
  }
});

describe('parseFernetKey', () => {
  it('reads urlsafe base64, ordinary base64 and hex alike', () => {
    const bytes = Buffer.from('fbff'.repeat(16), 'hex');
    const forms = [bytes.toString('base64url'), bytes.toString('base64'), bytes.toString('hex')];
    for (const form of forms) {
      expect(parseFernetKey(form)).to.deep.equal({
        signingKey: bytes.subarray(0, 16),
        encryptionKey: bytes.subarray(16),
      });
    }
  });

  it('refuses keys of another length', () => {
    for (const form of ['', 'abc', randomBytes(31).toString('base64url'), randomBytes(33).toString('base64')]) {
      expect(parseFernetKey(form)).to.equal(undefined);
    }
  });
});
