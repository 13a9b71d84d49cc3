/** What a member may do in a workspace, each role including the one before it. `OWNER` of the instance is apart. */
export const roles = ['VIEWER', 'RUNTIME', 'EDITOR', 'ADMIN'] as const;

export type Role = (typeof roles)[number];

/** What a call needs. The last ones are the instance owner's. */
export type Permission =
  | 'credentials.read'
  | 'secrets.reveal'
  | 'credentials.write'
  | 'api_keys.manage'
  | 'members.manage'
  | 'audit.read'
  | 'workspaces.read'
  | 'workspaces.manage'
  | 'users.manage'
  | 'audit.verify';

/** The least role that a permission within a workspace takes; null is only for an owner of the instance. */
const leastRoles: Record<Permission, Role | null> = {
  'workspaces.read': 'VIEWER',
  'credentials.read': 'VIEWER',
  'secrets.reveal': 'RUNTIME',
  'credentials.write': 'EDITOR',
  'api_keys.manage': 'ADMIN',
  'members.manage': 'ADMIN',
  'audit.read': 'ADMIN',
  'workspaces.manage': null,
  'users.manage': null,
  'audit.verify': null,
};

/** Tells whether a role is at least another. */
export function includesRole(role: Role, least: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(least);
}

/** What concerns credentials one by one, and so may be limited to some of them. */
const scopable: ReadonlySet<Permission> = new Set([
  'workspaces.read',
  'credentials.read',
  'secrets.reveal',
  'credentials.write',
]);

/** What decides on permissions within a workspace. */
interface Permit {
  readonly role: Role;
  readonly mayReveal: boolean;
  /** Given where it is for some credentials alone. */
  readonly keyScope?: object;
}

/** Tells whether a role within a workspace carries a permission; an editor may have been issued without reveal. */
export function permits(grant: Permit, permission: Permission): boolean {
  if (grant.keyScope && !scopable.has(permission)) return false;
  if (permission === 'secrets.reveal' && !grant.mayReveal) return false;
  const least = leastRoles[permission];
  return least !== null && includesRole(grant.role, least);
}
