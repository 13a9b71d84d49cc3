import { createHash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { parseReference, type Reference } from '../../vault/ids.ts';
import { roles, type Role } from '../../vault/permissions.ts';

/** The names of the claims that contain grants. */
export interface ClaimNames {
  readonly workspace: string;
  readonly role: string;
}

/** A grant in a token. Its workspace need not exist. */
export interface ClaimedGrant {
  readonly workspace: Reference;
  readonly role: Role;
}

/** The most workspaces in one token. */
export const claimedGrantsMax = 100;

/**
 * Reads the grants of a token: a workspace or a list of them, and one role for all of them or a list of the same length. An invalid
 * workspace id or role grants nothing. Lists of different lengths, and lists that are too long, grant nothing at all.
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

/** A value that is not a text becomes an empty text, so that the lists stay aligned. */
function textsOf(claims: JWTPayload, name: string): readonly string[] {
  const value: unknown = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map((item: unknown) => (typeof item === 'string' ? item : ''));
}

/** A token cannot make its caller an owner of the instance. */
function parseRole(text: string | undefined): Role | undefined {
  return roles.find((role) => role === text);
}

/**
 * The user id for a subject of an issuer: a UUIDv8 of SHA-256 over the length-prefixed names, so that it is the same for each token
 * of the subject and different for every other subject.
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
