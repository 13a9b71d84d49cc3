/** The roles of members, each including the one before. Owners of the instance are no role: see `Caller.isOwner`. */
export const roles = ['VIEWER', 'RUNTIME', 'EDITOR', 'ADMIN'] as const;

export type Role = (typeof roles)[number];

/** The permissions that calls need. The last four are reserved for owners of the instance. */
export type Permission =
  | 'credentials.read'
  | 'secrets.reveal'
  | 'credentials.write'
  | 'credentials.purge'
  | 'api_keys.manage'
  | 'members.manage'
  | 'audit.read'
  | 'workspaces.read'
  | 'workspaces.manage'
  | 'users.manage'
  | 'leaks.report'
  | 'audit.verify'
  | 'keys.manage';

/** The least role that includes a permission; null for a permission of owners only. */
const leastRoles: Record<Permission, Role | null> = {
  'workspaces.read': 'VIEWER',
  'credentials.read': 'VIEWER',
  'secrets.reveal': 'RUNTIME',
  'credentials.write': 'EDITOR',
  'credentials.purge': 'ADMIN',
  'api_keys.manage': 'ADMIN',
  'members.manage': 'ADMIN',
  'audit.read': 'ADMIN',
  'workspaces.manage': null,
  'users.manage': null,
  'leaks.report': null,
  'audit.verify': null,
  'keys.manage': null,
};

/** Whether a role includes another one. */
export function includesRole(role: Role, least: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(least);
}

/** The permissions that a key with a scope may have: those for single credentials. */
const scopable: ReadonlySet<Permission> = new Set([
  'workspaces.read',
  'credentials.read',
  'secrets.reveal',
  'credentials.write',
]);

/** The part of a grant that permissions depend on. */
interface Permit {
  readonly role: Role;
  readonly mayReveal: boolean;
  /** Present if the grant is for some credentials only. */
  readonly keyScope?: object;
}

/** Whether a grant includes a permission. */
export function permits(grant: Permit, permission: Permission): boolean {
  if (grant.keyScope && !scopable.has(permission)) return false;
  if (permission === 'secrets.reveal' && !grant.mayReveal) return false;
  const least = leastRoles[permission];
  return least !== null && includesRole(grant.role, least);
}
