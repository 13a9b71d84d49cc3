/** Escapes of bytes that are no ASCII, and what only they may stand for. */
const notAscii = /%[89a-f]|[^\0-\x7f]/i;

/**
 * Finds the first parameter of a query that is not percent-encoded UTF-8, which URLSearchParams would replace by U+FFFD.
 *
 * @param query without its question mark
 * @returns the parameter's name, empty where the name itself is such
 */
export function findMisencodedParameter(query: string): string | undefined {
  if (!notAscii.test(query)) return undefined;
  const found = query.split('&').find((parameter) => !isUtf8(parameter));
  if (found === undefined) return undefined;
  const [name = ''] = found.split('=', 1);
  return isUtf8(name) ? (new URLSearchParams(name).keys().next().value ?? '') : '';
}

/** What is no escape stands for itself there. */
function isUtf8(text: string): boolean {
  if (!notAscii.test(text)) return true;
  return isAscii(text) && (text.match(/(?:%[\da-f]{2})+/gi) ?? []).every(isDecodable);
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

function isDecodable(escapes: string): boolean {
  try {
    decodeURIComponent(escapes);
    return true;
  } catch {
    return false;
  }
}
