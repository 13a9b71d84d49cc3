/** An Argon2id hash with what it was made with. */
export interface Argon2Hash {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly tag: Buffer;
}

const phcPattern =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,6}),t=([1-9]\d?),p=([1-9]\d?)\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,86})$/;

/** A row of the database must not make a login take the machine's memory or time. */
const bounds = { memoryKib: 1_048_576, passes: 16, parallelism: 16 } as const;

/**
 * Spells an Argon2id hash (version 1.3) in PHC string format.
 *
 * @see https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
 */
export function formatPhc({ memoryKib, passes, parallelism, salt, tag }: Argon2Hash): string {
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

/** Reads what `formatPhc` spells; anything else, and parameters out of bounds, are undefined. */
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

/** Argon2 takes at least 8 KiB a lane and 8 bytes of salt. @see https://www.rfc-editor.org/rfc/rfc9106#section-3.1 */
function isWithinBounds({ memoryKib, passes, parallelism }: Argon2Hash): boolean {
  if (memoryKib < 8 * parallelism || memoryKib > bounds.memoryKib) return false;
  return passes <= bounds.passes && parallelism <= bounds.parallelism;
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
