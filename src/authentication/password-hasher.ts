import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import type { PasswordHasher } from '../vault/identity/ports.ts';

/** @see https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id */
const parameters = { memoryKib: 19_456, passes: 2, parallelism: 1 } as const;
const saltBytes = 16;
const tagBytes = 32;
/** Each takes 19 MiB and a thread of the pool that files and DNS use as well. */
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

  /** Returns false for a malformed hash, so that a damaged row refuses a login and does not fail it. */
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

/** An Argon2id hash and its parameters. */
export interface Argon2Hash {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly tag: Buffer;
}

const phcPattern =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,6}),t=([1-9]\d?),p=([1-9]\d?)\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,86})$/;

/** The greatest parameters: a row of the database must not exhaust the machine's memory or time. */
const bounds = { memoryKib: 1_048_576, passes: 16, parallelism: 16 } as const;

/**
 * Formats an Argon2id hash (version 1.3) as a PHC string.
 *
 * @see https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
 */
export function formatPhc({ memoryKib, passes, parallelism, salt, tag }: Argon2Hash): string {
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

/** Parses the result of `formatPhc`; undefined for any other text and for parameters out of bounds. */
export function parsePhc(text: string): Argon2Hash | undefined {
  const [, memory, passes, parallelism, salt, tag] = phcPattern.exec(text) ?? [];
  if (salt === undefined || tag === undefined) return undefined;
  const parsed = {
    memoryKib: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
  return isWithinBounds(parsed) && formatPhc(parsed) === text ? parsed : undefined;
}

/** Argon2 requires at least 8 KiB for each lane and 8 bytes of salt. @see https://www.rfc-editor.org/rfc/rfc9106#section-3.1 */
function isWithinBounds({ memoryKib, passes, parallelism }: Argon2Hash): boolean {
  if (memoryKib < 8 * parallelism || memoryKib > bounds.memoryKib) return false;
  return passes <= bounds.passes && parallelism <= bounds.parallelism;
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

/** Runs at most so many tasks at once, the others in the order of their arrival. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param limit at least 1 */
  constructor(limit: number) {
    this.#free = limit;
  }

  /** Runs the task when there is room; returns or throws what it does. */
  async run<Answer>(task: () => Promise<Answer>): Promise<Answer> {
    await this.#enter();
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }

  /** Passes the room directly to the next waiting task: a task that arrives in the meantime cannot take it. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
