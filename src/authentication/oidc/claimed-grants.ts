import type { JWTPayload } from 'jose';
import { parseReference, type Reference } from '../../vault/ids.ts';
import { roles, type Role } from '../../vault/permissions.ts';

/** The names of the claims that say what the caller may do where. */
export interface ClaimNames {
  readonly workspace: string;
  readonly role: string;
}

/** What a token says of one workspace, which need not exist. */
export interface ClaimedGrant {
  readonly workspace: Reference;
  readonly role: Role;
}

/** The most workspaces of one token. */
export const claimedGrantsMax = 100;

/**
 * Reads what a token grants: a workspace or a list of them, and a role for all of them or a list as long. What is neither a
 * workspace's id nor a role grants nothing, and lists that do not fit one another, or are too long, grant nothing at all.
 */
export function claimedGrants(claims: JWTPayload, names: ClaimNames): readonly ClaimedGrant[] {
  const workspaces = textsOf(claims, names.workspace);
  const roleNames = textsOf(claims, names.role);
  const isForAll = roleNames.length === 1;
  if (workspaces.length > claimedGrantsMax || (!isForAll && roleNames.length !== workspaces.length)) return [];
  return workspaces.flatMap((text, index) => {
    const workspace = parseReference('workspace', text);
    const role = parseRole(roleNames[isForAll ? 0 : index]);
    return workspace && role ? [{ workspace, role }] : [];
  });
}

/** What is no text keeps its place in a list, as an empty one. */
function textsOf(claims: JWTPayload, name: string): readonly string[] {
  const value: unknown = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map((item: unknown) => (typeof item === 'string' ? item : ''));
}

/** An owner of the instance is none by a token. */
function parseRole(text: string | undefined): Role | undefined {
  return roles.find((role) => role === text);
}
