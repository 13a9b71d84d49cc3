import { gcm } from '@noble/ciphers/aes.js';
import CryptoJs from 'crypto-js';
import { randomBytes, webcrypto } from 'node:crypto';
import { loadSodium } from '../../../src/encryption/sodium.ts';

/** Encrypts as Flowise does, with the library that it uses: the passphrase is UTF-8. */
export function sealAsFlowise(content: unknown, passphrase: string): string {
  return CryptoJs.AES.encrypt(JSON.stringify(content), passphrase).toString();
}

/** Encrypts as n8n's older releases do: the same format, whose passphrase is latin1. */
export function sealAsOldN8n(content: unknown, key: string): string {
  const salt = CryptoJs.lib.WordArray.random(8);
  const derive = CryptoJs.algo.EvpKDF.create({ keySize: 12, hasher: CryptoJs.algo.MD5, iterations: 1 });
  const derived = derive.compute(CryptoJs.enc.Latin1.parse(key), salt);
  const aesKey = CryptoJs.lib.WordArray.create(derived.words.slice(0, 8), 32);
  const iv = CryptoJs.lib.WordArray.create(derived.words.slice(8), 16);
  const { ciphertext } = CryptoJs.AES.encrypt(JSON.stringify(content), aesKey, { iv });
  return CryptoJs.format.OpenSSL.stringify(CryptoJs.lib.CipherParams.create({ ciphertext, salt }));
}

/** Encrypts as n8n's newer releases do, by Web Crypto's HKDF and the AES of @noble/ciphers. */
export async function sealAsNewN8n(text: string, hexKey: string): Promise<string> {
  const salt = randomBytes(32);
  const key = await webcrypto.subtle.importKey('raw', Buffer.from(hexKey, 'hex'), 'HKDF', false, ['deriveBits']);
  const info = Buffer.from('n8n-encryption-v1');
  const bits = await webcrypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, key, 44 * 8);
  const derived = new Uint8Array(bits);
  const sealed = gcm(derived.subarray(0, 32), derived.subarray(32)).encrypt(Buffer.from(text));
  const [ciphertext, tag] = [sealed.subarray(0, -16), sealed.subarray(-16)];
  return Buffer.concat([Uint8Array.of(1), salt, tag, ciphertext]).toString('base64');
}

/** The hex text of SHA-256 of the instance key, under which n8n wraps its data keys. */
export function wrappingKeyOfN8n(instanceKey: string): string {
  return CryptoJs.SHA256(instanceKey).toString(CryptoJs.enc.Hex);
}

/** Makes a Fernet token with crypto-js: AES-128-CBC and HMAC-SHA256. */
export function sealAsFernet(content: unknown, key: Buffer): string {
  const iv = randomBytes(16);
  const header = Buffer.concat([Uint8Array.of(0x80), Buffer.from('0000000065536100', 'hex'), iv]);
  const encryption = CryptoJs.AES.encrypt(JSON.stringify(content), wordsOf(key.subarray(16)), { iv: wordsOf(iv) });
  const signed = Buffer.concat([header, Buffer.from(encryption.ciphertext.toString(), 'hex')]);
  const mac = CryptoJs.HmacSHA256(wordsOf(signed), wordsOf(key.subarray(0, 16))).toString();
  return Buffer.concat([signed, Buffer.from(mac, 'hex')])
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}

/** A box of libsodium's, and its nonce. */
export async function sealAsFishnet(text: string, key: Uint8Array): Promise<{ box: Uint8Array; nonce: Uint8Array }> {
  const sodium = await loadSodium();
  const nonce = randomBytes(24);
  return { box: sodium.crypto_secretbox_easy(text, nonce, key), nonce };
}

/** Replaces the character at a position of a text by another one of base64. */
export function changeCharacter(text: string, position: number): string {
  const replacement = text.at(position) === 'A' ? 'B' : 'A';
  const index = position < 0 ? text.length + position : position;
  return text.slice(0, index) + replacement + text.slice(index + 1);
}

function wordsOf(bytes: Uint8Array) {
  return CryptoJs.enc.Hex.parse(Buffer.from(bytes).toString('hex'));
}
