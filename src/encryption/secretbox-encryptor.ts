import { timingSafeEqual } from 'node:crypto';
import { isJsonObject, type JsonValue } from '../vault/json.ts';
import type { RecordIdentity } from '../vault/workspaces/ports.ts';
import { parseJson } from '../vault/read-json.ts';
import { Secret } from '../vault/secret.ts';
import { uint32Bytes, uuidBytes, derivationLabels, derive, type WorkspaceKey } from './derive.ts';
import { keyBytes } from './key.ts';
import { padText, unpad } from './padding.ts';
import type { RandomSource } from '../vault/ids.ts';
import { encodeSealed, type SealedParts } from './sealed-format.ts';
import { nonceBytes, openBox, type Sodium } from './sodium.ts';
import { secretUnreadable } from './unreadable-error.ts';

/** A record key and its commitment: two views of one array, so that wiping `bytes` wipes both. */
interface RecordKey {
  readonly bytes: Uint8Array;
  readonly key: Uint8Array;
  readonly commitment: Uint8Array;
}

/**
 * Seals secrets by secretbox (XSalsa20-Poly1305), each with a key derived from the workspace's key and the record's identity, so
 * that sealed bytes open only in their own position.
 */
export class SecretboxEncryptor {
  readonly #sodium: Sodium;
  readonly #random: RandomSource;

  constructor(sodium: Sodium, random: RandomSource) {
    this.#sodium = sodium;
    this.#random = random;
  }

  /** Seals in the format of `docs/sealed-format.md`. Sealing the same secret again gives different bytes. */
  seal(workspaceKey: WorkspaceKey, identity: RecordIdentity, secret: Secret): Uint8Array {
    const record = this.#recordKey(workspaceKey, identity);
    const padded = padText(JSON.stringify(secret.expose()));
    const nonce = this.#random.take(nonceBytes);
    try {
      const box = this.#sodium.crypto_secretbox_easy(padded, nonce, record.key);
      return encodeSealed({ keyId: workspaceKey.keyId, commitment: record.commitment, nonce, box });
    } finally {
      wipe(record.bytes, padded, nonce);
    }
  }

  /**
   * Opens the result of `seal` for the same key and identity.
   *
   * @param sealed its key id must be that of the key
   * @throws VaultError `secret_unreadable`, with the reason in its cause
   */
  open(workspaceKey: WorkspaceKey, identity: RecordIdentity, sealed: SealedParts): Secret {
    const record = this.#recordKey(workspaceKey, identity);
    try {
      if (!timingSafeEqual(record.commitment, sealed.commitment)) throw secretUnreadable('commitment_invalid');
      const padded = openBox(this.#sodium, { box: sealed.box, nonce: sealed.nonce, key: record.key });
      if (!padded) throw secretUnreadable('box_invalid');
      return readPadded(padded);
    } finally {
      wipe(record.bytes);
    }
  }

  /** Whether the commitment matches this key and identity; the box is not opened. */
  recognizes(workspaceKey: WorkspaceKey, identity: RecordIdentity, { commitment }: SealedParts): boolean {
    const record = this.#recordKey(workspaceKey, identity);
    const isOwn = timingSafeEqual(record.commitment, commitment);
    wipe(record.bytes);
    return isOwn;
  }

  #recordKey({ key }: WorkspaceKey, { workspaceId, credentialId, version }: RecordIdentity): RecordKey {
    const parts = [uuidBytes(workspaceId), uuidBytes(credentialId), uint32Bytes(version)];
    const bytes = derive(this.#sodium, { key, label: derivationLabels.recordKey, parts, length: 2 * keyBytes });
    return { bytes, key: bytes.subarray(0, keyBytes), commitment: bytes.subarray(keyBytes) };
  }
}

function readPadded(padded: Uint8Array): Secret {
  try {
    const content = unpad(padded);
    if (!content) throw secretUnreadable('padding_invalid');
    const fields = parseContent(content);
    if (!isJsonObject(fields)) throw secretUnreadable('content_invalid');
    return new Secret(fields);
  } finally {
    wipe(padded);
  }
}

/** Undefined for a text that is not JSON. The parser's error is dropped, because it quotes the text. */
function parseContent(content: Uint8Array): JsonValue | undefined {
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content));
  } catch {
    return undefined;
  }
}

function wipe(...arrays: readonly Uint8Array[]): void {
  for (const bytes of arrays) bytes.fill(0);
}
