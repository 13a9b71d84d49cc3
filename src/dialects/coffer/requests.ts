import { invalidArgument, type VaultError } from '../../vault/errors.ts';
import type { Permission } from '../../vault/permissions.ts';

/** The permission that an rpc requires, in the workspace that its request names. */
export interface WorkspaceAccess {
  readonly permission: Permission;
  readonly workspace: (request: { readonly workspaceId: string }) => string;
}

/** Requires a permission in the request's workspace; validation refuses a request that names none. */
export function inWorkspace(permission: Permission): WorkspaceAccess {
  return { permission, workspace: ({ workspaceId }) => workspaceId };
}

/** The etags of a request: its own field, or where that is empty, the one of the credential that it contains. */
export function etagsOf(request: {
  readonly etag: string;
  readonly credential?: { readonly etag: string } | undefined;
}): readonly string[] | undefined {
  return etagsFromText(request.etag === '' ? (request.credential?.etag ?? '') : request.etag);
}

/** An element of a list of etags: quoted, weak or bare. Elements may be empty. */
const elementPattern = /\s*(?:(?<weak>W\/)?"(?<quoted>[^"]*)"|(?<bare>[^\s",]+))?\s*(?:,|$)/y;

/**
 * Reads the etags that a change may be made to: one, bare or quoted, or a list of quoted ones. Weak etags match nothing.
 *
 * @returns undefined where any state is accepted: for an asterisk, and where nothing was sent
 * @throws VaultError `invalid_argument` for anything else
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
 */
export function etagsFromText(text: string): readonly string[] | undefined {
  if (text === '' || text.trim() === '*') return undefined;
  const elements = elementsOf(text);
  if (elements.length === 0 || elements.some(({ etag }) => etag === '' || etag === '*')) throw malformedEtags();
  return elements.flatMap(({ etag, isWeak }) => (isWeak ? [] : [etag]));
}

function elementsOf(text: string) {
  const pattern = new RegExp(elementPattern);
  const elements: { readonly etag: string; readonly isWeak: boolean }[] = [];
  while (pattern.lastIndex < text.length) {
    const groups = pattern.exec(text)?.groups;
    if (!groups) throw malformedEtags();
    const { weak, quoted, bare } = groups;
    const etag = quoted ?? bare;
    if (etag !== undefined) elements.push({ etag, isWeak: weak !== undefined || bare?.startsWith('W/') === true });
  }
  return elements;
}

function malformedEtags(): VaultError {
  return invalidArgument('etag', 'must be an etag, a list of etags in quotes, or *');
}
