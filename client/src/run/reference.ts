/** The place of one field of a secret, written `coffer://workspace/name/field` with each part percent-encoded. */
export interface Reference {
  /** UUID, `WSP-…`, or `default`. */
  readonly workspace: string;
  /** The name of the credential. */
  readonly credential: string;
  readonly field: string;
}

/** A text that begins as a reference and is none; the message does not quote it. */
export class InvalidReferenceError extends Error {
  override readonly name = 'InvalidReferenceError';
}

const scheme = /^coffer:\/\//i;

/** Whether a text claims to be a reference, valid or not. */
export function isReference(text: string): boolean {
  return scheme.test(text);
}

/**
 * Reads `coffer://workspace/name/field`. `?` and `#` must be percent-encoded: what they mean is left for later.
 *
 * @throws InvalidReferenceError
 */
export function parseReference(text: string): Reference {
  if (!isReference(text)) throw new InvalidReferenceError('a reference begins with coffer://');
  const path = text.replace(scheme, '');
  if (/[?#]/.test(path)) throw new InvalidReferenceError('"?" and "#" are written %3F and %23 in a reference');
  const parts = path.split('/');
  if (parts.length !== 3) {
    throw new InvalidReferenceError('a reference is coffer://workspace/name/field; a "/" in a part is written %2F');
  }
  const [workspace = '', credential = '', field = ''] = parts.map(decodePart);
  return { workspace, credential, field };
}

/** The canonical form, which contains neither spaces nor control characters. */
export function formatReference({ workspace, credential, field }: Reference): string {
  return `coffer://${[workspace, credential, field].map(encodeURIComponent).join('/')}`;
}

function decodePart(part: string): string {
  const decoded = decode(part);
  if (decoded === '') throw new InvalidReferenceError('no part of a reference is empty');
  if (decoded.includes('\0')) throw new InvalidReferenceError('a reference has no character U+0000');
  return decoded;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new InvalidReferenceError('a "%" in a reference is written %25', { cause });
  }
}
