import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import type { PasswordHasher } from '../vault/identity/ports.ts';
import { parsePhc, formatPhc, type Argon2Hash } from './phc-string.ts';
import { Semaphore } from './semaphore.ts';

/** @see https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id */
const parameters = { memoryKib: 19_456, passes: 2, parallelism: 1 } as const;
const saltBytes = 16;
const tagBytes = 32;
/** Each takes 19 MiB and a thread of the pool that files and DNS share. */
const hashesAtOnce = 2;

/**
 * Hashes login passwords with Argon2id (19 MiB, 2 passes, 1 lane), at most two at once.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9106
 */
export class Argon2PasswordHasher implements PasswordHasher {
  readonly #semaphore = new Semaphore(hashesAtOnce);

  async hash(password: string): Promise<string> {
    const asked = { ...parameters, salt: randomBytes(saltBytes) };
    const tag = await this.#compute(password, asked, tagBytes);
    return formatPhc({ ...asked, tag });
  }

  /** Answers false for a hash that can't be read, so that a damaged row refuses a login without failing it. */
  async verify(password: string, passwordHash: string): Promise<boolean> {
    const expected = parsePhc(passwordHash);
    if (!expected) return false;
    const tag = await this.#compute(password, expected, expected.tag.length);
    return timingSafeEqual(tag, expected.tag);
  }

  async #compute(password: string, asked: Omit<Argon2Hash, 'tag'>, tagLength: number): Promise<Buffer> {
    return this.#semaphore.run(() => computeArgon2id(password, asked, tagLength));
  }
}

function computeArgon2id(password: string, asked: Omit<Argon2Hash, 'tag'>, tagLength: number): Promise<Buffer> {
  const { memoryKib: memory, passes, parallelism, salt: nonce } = asked;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  argon2('argon2id', { message: password, nonce, memory, passes, parallelism, tagLength }, (error, tag) => {
    if (error) reject(error);
    else resolve(tag);
  });
  return promise;
}
