import type { RandomSource } from '../vault/ids.ts';
import type { PageTokens } from '../vault/search/position.ts';
import type { UsableKey } from './key.ts';
import { nonceBytes, openBox, type Sodium } from './sodium.ts';

const hashBytes = 16;
/** No position is longer: three texts of 255 characters. */
const tokenCharactersMax = 8_192;

/**
 * `PageTokens` by secretbox. A position may be that of a credential which the caller may not see, so that it must be neither
 * readable nor made up.
 */
export class SealedPageTokens implements PageTokens {
  readonly #sodium: Sodium;
  readonly #random: RandomSource;
  readonly #key: UsableKey;

  constructor(sodium: Sodium, random: RandomSource, key: UsableKey) {
    this.#sodium = sodium;
    this.#random = random;
    this.#key = key;
  }

  seal(list: string, content: string): string {
    const nonce = this.#random.take(nonceBytes);
    const plain = Buffer.concat([this.#hash(list), Buffer.from(content)]);
    return Buffer.concat([nonce, this.#sodium.crypto_secretbox_easy(plain, nonce, this.#key.expose())]).toString(
      'base64url',
    );
  }

  open(list: string, token: string): string | undefined {
    if (token.length > tokenCharactersMax) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    // Decoding ignores characters outside of the alphabet.
    if (bytes.toString('base64url') !== token) return undefined;
    const [nonce, box] = [bytes.subarray(0, nonceBytes), bytes.subarray(nonceBytes)];
    const plain = nonce.length === nonceBytes && openBox(this.#sodium, { box, nonce, key: this.#key.expose() });
    if (!plain || Buffer.compare(plain.subarray(0, hashBytes), this.#hash(list)) !== 0) return undefined;
    return Buffer.from(plain.subarray(hashBytes)).toString();
  }

  #hash(list: string): Uint8Array {
    return this.#sodium.crypto_generichash(hashBytes, list, null);
  }
}
