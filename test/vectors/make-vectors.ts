import {
  uint32Bytes,
  uuidBytes,
  derivationLabels,
  derive,
  type DerivationLabel,
  identifyKey,
} from '../../src/encryption/derive.ts';
import { KeyedGrantMac } from '../../src/encryption/macs.ts';
import { Key } from '../../src/encryption/key.ts';
import { Keyring } from '../../src/encryption/keyring.ts';
import { MasterKey } from '../../src/encryption/master-key.ts';
import { openKeyring } from '../../src/encryption/open-keyring.ts';
import { padText } from '../../src/encryption/padding.ts';
import { SecretboxEncryptor } from '../../src/encryption/secretbox-encryptor.ts';
import { loadSodium, type Sodium } from '../../src/encryption/sodium.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { Secret } from '../../src/vault/secret.ts';
import {
  CountingBytes,
  credentialId,
  hex,
  MemoryKeyStore,
  otherCredentialId,
  otherWorkspaceId,
  StandingClock,
  workspaceId,
} from '../encryption/fixtures.ts';

const instanceId = '018cc251-f400-7c00-8000-000000000005';

/** Keys of the vectors; 32 bytes that count up, each from another number on. */
const keysFrom = { master: 0x00, workspace: 0x20, grantMac: 0x40 } as const;

/** All vectors by the name of their file: what the code makes of fixed keys, ids and nonces. */
export async function makeVectors(): Promise<Record<string, object>> {
  const sodium = await loadSodium();
  return {
    derivation: derivationVectors(sodium),
    'master-key': await masterKeyVectors(sodium),
    padding: paddingVectors(),
    'sealed-secret': sealedSecretVectors(sodium),
    'wrapped-workspace-key': wrappedWorkspaceKeyVectors(sodium),
    keyring: await keyringVectors(sodium),
    'grant-mac': grantMacVectors(sodium),
  };
}

function derivationVectors(sodium: Sodium): object {
  const bytes = fixedKey(keysFrom.master);
  const cases: { label: DerivationLabel; parts: Uint8Array[]; length: number }[] = [
    { label: derivationLabels.masterFingerprint, parts: [], length: 8 },
    { label: derivationLabels.canaryKey, parts: [uuidBytes(instanceId)], length: 32 },
    { label: derivationLabels.keyringKey, parts: [uuidBytes(instanceId)], length: 32 },
    {
      label: derivationLabels.keyEncryptionKey,
      parts: [uuidBytes(instanceId), uuidBytes(workspaceId), new CountingBytes(0x80).take(8)],
      length: 32,
    },
    { label: derivationLabels.keyId, parts: [], length: 8 },
    {
      label: derivationLabels.recordKey,
      parts: [uuidBytes(workspaceId), uuidBytes(credentialId), uint32Bytes(1)],
      length: 64,
    },
    { label: derivationLabels.grantMac, parts: [Buffer.from('membership'), Uint8Array.of(0)], length: 32 },
  ];
  return cases.map(({ label, parts, length }) => ({
    key: hex(bytes),
    label,
    parts: parts.map((part) => ({ hex: hex(part) })),
    derived: hex(derive(sodium, { key: new Key(new Uint8Array(bytes)), label, parts, length })),
  }));
}

async function masterKeyVectors(sodium: Sodium): Promise<object> {
  const salt = new CountingBytes(0x60).take(16);
  const password = 'correct horse bättery staple';
  const fromPassword = await MasterKey.fromPassword(sodium, password, salt);
  const key = fixedKey(keysFrom.master);
  return [
    { derivation: 'argon2id', password, salt: hex(salt), fingerprint: fromPassword.fingerprint },
    { derivation: 'key', key: hex(key), fingerprint: MasterKey.fromBytes(sodium, key).fingerprint },
  ];
}

function paddingVectors(): object {
  const lengths = [2, 63, 64, 65, 127, 128, 1_000, 1_024, 65_535, 65_536];
  return lengths.map((contentBytes) => ({ contentBytes, paddedBytes: padText('x'.repeat(contentBytes)).length }));
}

function sealedSecretVectors(sodium: Sodium): object {
  const cases: { credentialId: string; version: number; fields: JsonObject }[] = [
    { credentialId, version: 1, fields: { api_key: 'sk-0123456789' } },
    { credentialId, version: 2, fields: { api_key: 'sk-0123456789' } },
    { credentialId: otherCredentialId, version: 4_294_967_295, fields: {} },
    {
      credentialId: otherCredentialId,
      version: 7,
      fields: { pässword: '密码 🔑\u0000', nested: { list: [1, -0.5, true, null, ''] }, filler: 'x'.repeat(100) },
    },
  ];
  return cases.map((record, index) => {
    const nonces = 0x90 + index;
    const workspaceKey = identifyKey(sodium, new Key(fixedKey(keysFrom.workspace)));
    const encryptor = new SecretboxEncryptor(sodium, new CountingBytes(nonces));
    const plaintext = JSON.stringify(record.fields);
    return {
      workspaceKey: hex(fixedKey(keysFrom.workspace)),
      keyId: hex(workspaceKey.keyId),
      workspaceId,
      credentialId: record.credentialId,
      version: record.version,
      nonce: hex(new CountingBytes(nonces).take(24)),
      plaintext,
      padded: hex(padText(plaintext)),
      sealed: hex(encryptor.seal(workspaceKey, { workspaceId, ...record }, new Secret(record.fields))),
    };
  });
}

function wrappedWorkspaceKeyVectors(sodium: Sodium): object {
  return [workspaceId, otherWorkspaceId].map((id, index) => {
    const master = MasterKey.fromBytes(sodium, fixedKey(keysFrom.master));
    const random = new CountingBytes(0xa0 + index);
    const keyring = new Keyring({ sodium, random });
    keyring.open({ instanceId, master, instanceKeys: new CountingBytes().take(96) });
    const workspaceKey = identifyKey(sodium, new Key(fixedKey(keysFrom.workspace)));
    return {
      masterKey: hex(fixedKey(keysFrom.master)),
      masterFingerprint: master.fingerprint,
      instanceId,
      workspaceId: id,
      workspaceKey: hex(fixedKey(keysFrom.workspace)),
      keyId: hex(workspaceKey.keyId),
      nonce: hex(new CountingBytes(0xa0 + index).take(24)),
      wrapped: hex(keyring.wrapWorkspaceKey(id, workspaceKey)),
    };
  });
}

async function keyringVectors(sodium: Sodium): Promise<object> {
  const store = new MemoryKeyStore();
  const key = fixedKey(keysFrom.master);
  const random = new CountingBytes(0xb0);
  await openKeyring({ sodium, random, clock: new StandingClock(), store, master: { kind: 'key', key } });
  const stored = await store.findKeyring();
  if (!stored) throw new Error('no keyring was stored');
  const { instanceId: id, derivation, salt, masterFingerprint, canary, wrappedKeys } = stored;
  return [
    {
      masterKey: hex(key),
      instanceId: id,
      derivation,
      salt: hex(salt),
      masterFingerprint,
      canary: hex(canary),
      instanceKeys: hex(new CountingBytes(0xb0).take(96)),
      wrappedKeys: hex(wrappedKeys),
    },
  ];
}

function grantMacVectors(sodium: Sodium): object {
  const time = '2024-01-01T00:00:00.123Z';
  const cases = [
    { table: 'membership', fields: [workspaceId, otherWorkspaceId, 'editor', 'true'] },
    { table: 'api_key', fields: [workspaceId, null, ''] },
    { table: 'api_key', fields: [] },
    { table: 'user/2', fields: [workspaceId, 'a name', 'false', otherWorkspaceId, null, 'true', null, time] },
    {
      table: 'api_key/2',
      fields: [
        credentialId,
        workspaceId,
        otherCredentialId,
        time,
        'hash',
        'cof_',
        null,
        'true',
        null,
        '[]',
        '["a"]',
        '[]',
        null,
        null,
        time,
      ],
    },
    { table: 'workspace/1', fields: [workspaceId, 'a name', otherWorkspaceId, time, null] },
    {
      table: 'credential_version/1',
      fields: [workspaceId, credentialId, '1', 'enabled', 'key id', otherCredentialId, time],
    },
  ];
  const grantMac = new KeyedGrantMac(sodium, new Key(fixedKey(keysFrom.grantMac)));
  return cases.map(({ table, fields }) => ({
    key: hex(fixedKey(keysFrom.grantMac)),
    table,
    fields: fields.map((text) => ({ text })),
    mac: hex(grantMac.compute(table, fields)),
  }));
}

function fixedKey(first: number): Uint8Array {
  return new CountingBytes(first).take(32);
}
