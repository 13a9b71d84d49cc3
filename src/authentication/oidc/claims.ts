import { createHash } from 'node:crypto';
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

/**
 * The id of a person whom an issuer knows: always the same for the same issuer and subject, and of nobody else. A UUIDv8 of
 * SHA-256 over the length-prefixed names.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.8
 */
export function oidcUserId(issuer: string, subject: string): string {
  const hash = createHash('sha256').update('coffer/v1/oidc-user');
  for (const part of [issuer, subject].map((text) => Buffer.from(text))) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    hash.update(length).update(part);
  }
  const bytes = hash.digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
