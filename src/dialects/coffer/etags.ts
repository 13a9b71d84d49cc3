import { invalidArgument, type VaultError } from '../../vault/errors.ts';

/** An element of a list: quoted, weak or bare; a list may have empty ones. */
const elementPattern = /\s*(?:(?<weak>W\/)?"(?<quoted>[^"]*)"|(?<bare>[^\s",]+))?\s*(?:,|$)/y;

/**
 * Reads the etags that a change may be made to: one, bare or in quotes, or a list of them in quotes. Weak ones match nothing.
 *
 * @returns undefined where any state will do: for an asterisk, and where nothing was sent
 * @throws VaultError `invalid_argument` for what is no such list
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
 */
export function etagsFromText(text: string): readonly string[] | undefined {
  if (text === '' || text.trim() === '*') return undefined;
  const elements = elementsOf(text);
  if (elements.length === 0 || elements.some(({ etag }) => etag === '' || etag === '*')) throw malformed();
  return elements.flatMap(({ etag, isWeak }) => (isWeak ? [] : [etag]));
}

interface Element {
  readonly etag: string;
  readonly isWeak: boolean;
}

function elementsOf(text: string): readonly Element[] {
  const pattern = new RegExp(elementPattern);
  const elements: Element[] = [];
  while (pattern.lastIndex < text.length) {
    const groups = pattern.exec(text)?.groups;
    if (!groups) throw malformed();
    const { weak, quoted, bare } = groups;
    const etag = quoted ?? bare;
    if (etag !== undefined) elements.push({ etag, isWeak: weak !== undefined || bare?.startsWith('W/') === true });
  }
  return elements;
}

function malformed(): VaultError {
  return invalidArgument('etag', 'must be an etag, a list of etags in quotes, or *');
}
