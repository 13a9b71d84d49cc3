import { AccessService } from '../../../gen/coffer/v1/access_service_pb.ts';
import { authenticatedRpc, publicRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { Login } from '../../vault/identity/login.ts';
import type { NamedLogin } from '../../vault/identity/named-login.ts';
import { toTimestamp } from '../shared/well-known-types.ts';

/** The rpcs of `coffer.v1.AccessService` about passwords and sessions. */
export function loginRpcs({
  login,
  namedLogin,
}: {
  readonly login: Login;
  readonly namedLogin: NamedLogin;
}): BoundRpc[] {
  const { login: logIn, logout, changePassword } = AccessService.method;
  return [
    publicRpc(logIn, async ({ user, password }, call) => {
      const { token, expiresAt } = await namedLogin.login(call, { user, password });
      return { token, expiresAt: toTimestamp(expiresAt) };
    }),
    authenticatedRpc(logout, async (_, call) => {
      await login.logout(call);
      return {};
    }),
    authenticatedRpc(changePassword, async ({ currentPassword, newPassword }, call) => {
      await namedLogin.changePassword(call, { current: currentPassword, next: newPassword });
      return {};
    }),
  ];
}
