import { format } from 'prettier';
import type { Access } from '../../src/gateway/contract/bound-rpc.ts';
import { permits, roles, type Permission, type Role } from '../../src/vault/permissions.ts';
import { nameOfRpc, type allGuardedRpcs } from './bound-rpcs.ts';
import type { DocumentedRoute } from './routes.ts';

/** The lowest role that has a permission in its workspace; undefined where none has. */
export function leastRole(permission: Permission): Role | undefined {
  return roles.find((role) => permits({ role, mayReveal: true }, permission));
}

/** Which permission each rpc needs, one row an rpc, as Markdown that `prettier` leaves alone. */
export async function permissionTable(
  served: ReturnType<typeof allGuardedRpcs>,
  routes: readonly DocumentedRoute[],
): Promise<string> {
  const rows = served.map(({ rpc }) => {
    const name = nameOfRpc(rpc.method);
    const paths = routes.filter(({ method }) => nameOfRpc(method) === name);
    const calls = paths.map(({ httpMethod, template }) => `\`${httpMethod} ${template}\``);
    return `| \`${name}\` | ${calls.join('<br>') || '–'} | ${needsOf(rpc.access)} | ${lowestOf(rpc.access)} |`;
  });
  const lines = ['| rpc | REST | permission | who has it |', '|---|---|---|---|', ...rows];
  return format(lines.join('\n'), { parser: 'markdown' });
}

function needsOf(access: Access): string {
  return 'permission' in access ? `\`${access.permission}\`` : '–';
}

function lowestOf(access: Access): string {
  switch (access.kind) {
    case 'public':
      return 'any client';
    case 'authenticated':
      return 'any authenticated caller';
    case 'owner':
      return '`OWNER`';
    case 'workspace':
    default:
      return lowestIn(access.permission);
  }
}

function lowestIn(permission: Permission): string {
  const role = leastRole(permission);
  return role === undefined ? 'no role' : `\`${role}\`${permission === 'secrets.reveal' ? ', with reveal' : ''}`;
}
