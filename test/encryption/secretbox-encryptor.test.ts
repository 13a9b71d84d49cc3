import * as fc from 'fast-check';
import { expect } from 'chai';

import sealedSecrets from '../vectors/sealed-secret.json' with { type: 'json' };
import { Key } from '../../src/encryption/key.ts';
import { KeyedWorkspaceCipher, OpenedKeys } from '../../src/encryption/keyed-workspace-cipher.ts';
import { RandomPool } from '../../src/encryption/random.ts';
import { decodeSealed } from '../../src/encryption/sealed-format.ts';
import { SecretboxEncryptor } from '../../src/encryption/secretbox-encryptor.ts';
import { loadSodium, type Sodium } from '../../src/encryption/sodium.ts';
import { identifyKey } from '../../src/encryption/derive.ts';
import { VaultError } from '../../src/vault/errors.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { Secret } from '../../src/vault/secret.ts';
import {
  changedOnes,
  credentialId,
  cutOnes,
  hex,
  isZero,
  otherCredentialId,
  otherWorkspaceId,
  reasonOf,
  refusalOf,
  unhex,
  workspaceId,
} from './fixtures.ts';
import { deriveIndependently, openIndependently, uint32, uuid, wrapIndependently } from './independent.ts';

const identity = { workspaceId, credentialId, version: 1 };
const keyOfWorkspace = new Uint8Array(32).fill(0x11);

describe('sealing a secret', () => {
  let sodium: Sodium;
  let cipher: KeyedWorkspaceCipher;

  function cipherWith(keys: readonly Uint8Array[], workspace = workspaceId): KeyedWorkspaceCipher {
    const opened = keys.map((bytes) => identifyKey(sodium, new Key(new Uint8Array(bytes))));
    return new KeyedWorkspaceCipher(
      new SecretboxEncryptor(sodium, new RandomPool()),
      new OpenedKeys(workspace, opened),
    );
  }

  function seal(fields: JsonObject): Uint8Array {
    return cipher.seal(identity, new Secret(fields)).sealed;
  }

  before(async () => {
    sodium = await loadSodium();
    cipher = cipherWith([keyOfWorkspace]);
  });

  it('gives back every JSON object, in any script, up to 64 KiB', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.integer({ min: 0, max: 65_536 }).map((length) => 'x'.repeat(length)),
    );
    fc.assert(
      fc.property(fc.dictionary(text, fc.oneof(text, fc.jsonValue()), { maxKeys: 5 }), (dictionary) => {
        const fields: JsonObject = JSON.parse(JSON.stringify(dictionary));
        expect(cipher.open(identity, seal(fields)).expose()).to.deep.equal(fields);
      }),
      { numRuns: 300 },
    );
  });

  it('gives back text with half of a surrogate pair, and names that objects know', () => {
    const fields: JsonObject = JSON.parse('{"__proto__":"a","constructor":"b","half":"\\ud83d","nul":"\\u0000"}');
    expect(JSON.stringify(cipher.open(identity, seal(fields)).expose())).to.equal(JSON.stringify(fields));
  });

  it('opens the known vectors', () => {
    for (const { workspaceKey, sealed, plaintext, ...record } of sealedSecrets) {
      const opened = cipherWith([unhex(workspaceKey)]).open(record, unhex(sealed));
      expect(JSON.stringify(opened.expose())).to.equal(plaintext);
    }
  });

  it('is read by another secretbox', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (fields) => {
        const sealed = seal(fields);
        const record = deriveIndependently(keyOfWorkspace, 'coffer/v1/record', identityParts(), 64);
        const opened = openIndependently(record.subarray(0, 32), sealed.subarray(41, 65), sealed.subarray(65));
        const text = Buffer.from(opened.subarray(0, opened.lastIndexOf(0x80))).toString();
        expect(text).to.equal(JSON.stringify(fields));
      }),
      { numRuns: 30 },
    );
  });

  it('names the key that it used', () => {
    const { sealed, keyId } = cipher.seal(identity, new Secret({}));
    expect(hex(keyId)).to.equal(hex(deriveIndependently(keyOfWorkspace, 'coffer/v1/key-id', [], 8)));
    expect(sealed.subarray(1, 9)).to.deep.equal(keyId);
  });

  it('never gives the same bytes twice', () => {
    const sealed = Array.from({ length: 1000 }, () => hex(seal({ api_key: 'a' }).subarray(41)));
    expect(new Set(sealed).size).to.equal(sealed.length);
  });

  it('gives equally long bytes for secrets of like length', () => {
    const lengths = Array.from({ length: 50 }, (_, length) => seal({ key: 'x'.repeat(length) }).length);
    expect(new Set(lengths)).to.deep.equal(new Set([145]));
  });

  it('holds no plaintext', () => {
    expect(Buffer.from(seal({ api_key: 'hunter2' })).includes('hunter2')).to.equal(false);
  });

  it('does not open with any byte changed', () => {
    const sealed = seal({ api_key: 'a' });
    for (const [index, changed] of changedOnes(sealed).entries()) {
      const refusal = refusalOf(() => cipher.open(identity, changed));
      expect(refusal, `byte ${index}`).to.equal(reasonAt(index));
    }
  });

  it('does not open where it was cut short, at any length', () => {
    const sealed = seal({ api_key: 'x'.repeat(100) });
    for (const cut of cutOnes(sealed)) {
      const refusal = refusalOf(() => cipher.open(identity, cut));
      expect(refusal, `${cut.length} bytes`).to.equal(cut.length < 145 ? 'format_invalid' : 'box_invalid');
    }
  });

  it('does not open where bytes were added', () => {
    const sealed = seal({ api_key: 'a' });
    for (const added of [1, 8, 64, 1000]) {
      const extended = new Uint8Array([...sealed, ...new Uint8Array(added)]);
      expect(refusalOf(() => cipher.open(identity, extended))).to.equal('box_invalid');
    }
  });

  it('does not open in the place of another credential or another version', () => {
    const sealed = seal({ api_key: 'a' });
    for (const place of [
      { ...identity, credentialId: otherCredentialId },
      { ...identity, version: 2 },
      { ...identity, version: 256 },
    ]) {
      expect(refusalOf(() => cipher.open(place, sealed))).to.equal('commitment_invalid');
    }
  });

  it('does not open in another workspace, even one that has the same key', () => {
    const other = cipherWith([keyOfWorkspace], otherWorkspaceId);
    const place = { ...identity, workspaceId: otherWorkspaceId };
    expect(refusalOf(() => other.open(place, seal({ api_key: 'a' })))).to.equal('commitment_invalid');
  });

  it('does not open with a box of one version behind the head of another', () => {
    const first = seal({ api_key: 'a' });
    const second = cipher.seal({ ...identity, version: 2 }, new Secret({ api_key: 'b' })).sealed;
    const mixed = new Uint8Array([...first.subarray(0, 41), ...second.subarray(41)]);
    expect(refusalOf(() => cipher.open(identity, mixed))).to.equal('box_invalid');
  });

  it('distinguishes a wrong key from tampered bytes, for the operator only', () => {
    const sealed = seal({ api_key: 'a' });
    const wrongKey = refused(() => cipherWith([new Uint8Array(32).fill(0x22)]).open(identity, sealed));
    const tampered = refused(() => cipher.open(identity, changedOnes(sealed).at(-1) ?? sealed));
    expect(reasonOf(wrongKey)).to.equal('key_unknown');
    expect(reasonOf(tampered)).to.equal('box_invalid');
    expect([wrongKey.code, wrongKey.message]).to.deep.equal([tampered.code, tampered.message]);
  });

  it('seals with the newest key, and opens what older ones sealed', () => {
    const newer = cipherWith([new Uint8Array(32).fill(0x22), keyOfWorkspace]);
    const sealed = seal({ api_key: 'old' });
    expect(newer.open(identity, sealed).expose()).to.deep.equal({ api_key: 'old' });
    expect(refusalOf(() => cipher.open(identity, newer.seal(identity, new Secret({})).sealed))).to.equal('key_unknown');
  });

  it('refuses genuine boxes whose content is not what it writes, and quotes none of it', () => {
    const contents = {
      padding_invalid: [Buffer.alloc(64), Buffer.alloc(64, 'a'), padded('{}', 72), padded('{}', 65)],
      content_invalid: ['', '[]', 'null', '"hunter2"', '{"hunter2":', '{} hunter2', Buffer.of(0x7b, 0xff, 0x7d)].map(
        (content) => padded(content, 64),
      ),
    };
    for (const [reason, plaintexts] of Object.entries(contents)) {
      for (const plaintext of plaintexts) {
        const error = refused(() => cipher.open(identity, sealRaw(plaintext)));
        expect(reasonOf(error)).to.equal(reason);
        expect(`${error.stack} ${String(error.cause)}`).not.to.include('hunter2');
      }
    }
  });

  it('leaves neither the record key nor the plaintext in the arrays that it used', () => {
    const used: Uint8Array[] = [];
    const encryptor = new SecretboxEncryptor(watched(sodium, used), new RandomPool());
    const key = identifyKey(sodium, new Key(new Uint8Array(keyOfWorkspace)));
    const sealed = encryptor.seal(key, identity, new Secret({ api_key: 'a' }));
    expect(encryptor.open(key, identity, decodeSealed(sealed)).expose()).to.deep.equal({ api_key: 'a' });
    expect(used.map(({ length }) => length)).to.deep.equal([64, 64, 24, 32, 64, 32, 64]);
    expect(used.every(isZero)).to.equal(true);
  });

  it('takes ids in upper case for the same ids', () => {
    const shouted = { ...identity, credentialId: credentialId.toUpperCase() };
    expect(cipher.open(shouted, seal({ api_key: 'a' })).expose()).to.deep.equal({ api_key: 'a' });
  });

  it('does not serve the records of another workspace', () => {
    const foreign = { ...identity, workspaceId: otherWorkspaceId };
    expect(() => cipher.seal(foreign, new Secret({}))).to.throw('own workspace');
    expect(() => cipher.open(foreign, seal({}))).to.throw('own workspace');
  });

  it('does not seal under what is no identity', () => {
    for (const wrong of [{ credentialId: 'CRD-1' }, { version: -1 }, { version: 1.5 }, { version: 2 ** 32 }]) {
      expect(() => cipher.seal({ ...identity, ...wrong }, new Secret({})), JSON.stringify(wrong)).to.throw();
    }
  });
});

function refused(call: () => unknown): VaultError {
  try {
    call();
  } catch (error) {
    if (error instanceof VaultError) return error;
    throw error;
  }
  throw new Error('it did not refuse');
}

/** What a change at each place of the sealed bytes must be told as. */
function reasonAt(index: number): string {
  if (index < 1) return 'format_unknown';
  if (index < 9) return 'key_unknown';
  return index < 41 ? 'commitment_invalid' : 'box_invalid';
}

function identityParts(): Uint8Array[] {
  return [uuid(workspaceId), uuid(credentialId), uint32(1)];
}

function padded(content: string | Uint8Array, length: number): Uint8Array {
  const terminated = Buffer.concat([Buffer.from(content), Buffer.of(0x80)]);
  return Buffer.concat([terminated, Buffer.alloc(length - terminated.length)]);
}

/** Seals any plaintext genuinely, as somebody would who holds the key. */
function sealRaw(plaintext: Uint8Array): Uint8Array {
  const record = deriveIndependently(keyOfWorkspace, 'coffer/v1/record', identityParts(), 64);
  const keyId = deriveIndependently(keyOfWorkspace, 'coffer/v1/key-id', [], 8);
  const wrapped = wrapIndependently(record.subarray(0, 32), new Uint8Array(24), plaintext);
  return Buffer.concat([Buffer.of(1), keyId, record.subarray(32), wrapped.subarray(1)]);
}

/** What each call of libsodium was given or gave that must not outlive it. */
const sensitive: Record<string, (given: unknown[], result: unknown) => unknown[]> = {
  crypto_generichash: (_, record) => [record],
  crypto_secretbox_easy: (given) => given,
  crypto_secretbox_open_easy: ([, , key], opened) => [key, opened],
};

/** libsodium itself, of whose calls the sensitive arrays are collected. */
function watched(sodium: Sodium, used: Uint8Array[]): Sodium {
  return new Proxy(sodium, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      const pick = sensitive[String(name)];
      if (typeof member !== 'function' || !pick) return member;
      return (...given: unknown[]) => {
        const result: unknown = Reflect.apply(member, target, given);
        used.push(...pick(given, result).filter((one) => one instanceof Uint8Array));
        return result;
      };
    },
  });
}
