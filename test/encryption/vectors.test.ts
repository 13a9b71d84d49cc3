import { expect } from 'chai';
import { argon2Sync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import derivations from '../vectors/derivation.json' with { type: 'json' };
import grantMacs from '../vectors/grant-mac.json' with { type: 'json' };
import keyrings from '../vectors/keyring.json' with { type: 'json' };
import masterKeys from '../vectors/master-key.json' with { type: 'json' };
import paddings from '../vectors/padding.json' with { type: 'json' };
import sealedSecrets from '../vectors/sealed-secret.json' with { type: 'json' };
import wrappedWorkspaceKeys from '../vectors/wrapped-workspace-key.json' with { type: 'json' };
import { makeVectors } from '../vectors/make-vectors.ts';
import { hex, unhex } from './fixtures.ts';
import {
  deriveIndependently,
  openIndependently,
  padIndependently,
  sealIndependently,
  uuid,
  wrapIndependently,
} from './independent.ts';

describe('the test vectors', () => {
  it('are what the code makes of their keys, ids and nonces', async () => {
    expect(await makeVectors()).to.deep.equal({
      derivation: derivations,
      'master-key': masterKeys,
      padding: paddings,
      'sealed-secret': sealedSecrets,
      'wrapped-workspace-key': wrappedWorkspaceKeys,
      keyring: keyrings,
      'grant-mac': grantMacs,
    });
  });

  it('of derivations agree with another BLAKE2b', () => {
    for (const { key, label, parts, derived } of derivations) {
      const bytes = parts.map((part) => unhex(part.hex));
      expect(hex(deriveIndependently(unhex(key), label, bytes, derived.length / 2)), label).to.equal(derived);
    }
  });

  it('of master keys agree with Argon2id as the format states it', () => {
    for (const { password, salt, key, fingerprint } of masterKeys) {
      const master = key === undefined ? argon2id(password ?? '', salt ?? '') : unhex(key);
      expect(hex(deriveIndependently(master, 'coffer/v1/fingerprint', [], 8))).to.equal(fingerprint);
    }
  });

  it('of padding agree with another formulation of Padmé', () => {
    for (const { contentBytes, paddedBytes } of paddings) {
      expect(padIndependently('x'.repeat(contentBytes)), `${contentBytes} bytes`).to.have.lengthOf(paddedBytes);
    }
  });

  it('of sealed secrets agree with another secretbox', () => {
    for (const { sealed, padded, plaintext, ...record } of sealedSecrets) {
      const workspaceKey = unhex(record.workspaceKey);
      const again = sealIndependently({ ...record, workspaceKey, nonce: unhex(record.nonce), text: plaintext });
      expect(hex(padIndependently(plaintext))).to.equal(padded);
      expect(hex(again)).to.equal(sealed);
    }
  });

  it('of sealed secrets have the worked example of the documentation', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/sealed-format.md'), 'utf8');
    const [example] = sealedSecrets;
    const cuts = [0, 2, 18, 82, 130, 162, 226, 290];
    for (const [index, start] of cuts.slice(0, -1).entries()) {
      expect(page).to.match(new RegExp(`^ {4}${example?.sealed.slice(start, cuts[index + 1])}( +[a-z].*)?$`, 'm'));
    }
    expect(example?.sealed).to.have.lengthOf(290);
    expect(page).to.include(`secret         ${example?.plaintext}`);
  });

  it('of wrapped workspace keys agree with another secretbox', () => {
    for (const { masterKey, instanceId, workspaceId, keyId, nonce, workspaceKey, wrapped } of wrappedWorkspaceKeys) {
      const parts = [uuid(instanceId), uuid(workspaceId), unhex(keyId)];
      const encryptionKey = deriveIndependently(unhex(masterKey), 'coffer/v1/kek', parts, 32);
      expect(hex(wrapIndependently(encryptionKey, unhex(nonce), unhex(workspaceKey)))).to.equal(wrapped);
    }
  });

  it('of keyrings open by another secretbox', () => {
    for (const { masterKey, instanceId, canary, instanceKeys, wrappedKeys } of keyrings) {
      const open = (label: string, wrapped: Uint8Array) => {
        const key = deriveIndependently(unhex(masterKey), label, [uuid(instanceId)], 32);
        return openIndependently(key, wrapped.subarray(1, 25), wrapped.subarray(25));
      };
      expect(Buffer.from(open('coffer/v1/canary', unhex(canary))).toString()).to.equal('coffer canary v1');
      expect(hex(open('coffer/v1/keyring', unhex(wrappedKeys)))).to.equal(instanceKeys);
    }
  });

  it('of grant MACs agree with another BLAKE2b', () => {
    for (const { key, table, fields, mac } of grantMacs) {
      const encoded = fields.map(({ text }) => Buffer.from(text === null ? '\u0000' : `\u0001${text}`));
      const again = deriveIndependently(unhex(key), 'coffer/v1/grant-mac', [Buffer.from(table), ...encoded], 32);
      expect(hex(again)).to.equal(mac);
    }
  });
});

function argon2id(password: string, salt: string): Uint8Array {
  const cost = { memory: 256 * 1024, passes: 3, parallelism: 1, tagLength: 32 };
  return argon2Sync('argon2id', { message: password, nonce: unhex(salt), ...cost });
}
