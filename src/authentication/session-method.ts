import { accessOfUser, checkExpiry, type AuthenticationMethod } from './authentication-method.ts';
import { hashToken, sessionTokenPattern } from './token-source.ts';
import { invalidToken } from '../vault/errors.ts';

/** Proves a user by the session that his login began. */
export const sessionMethod: AuthenticationMethod = {
  accepts: (token) => sessionTokenPattern.test(token),
  authenticate: async (token, { store, clock }, signal) => {
    const found = await store.findSession(hashToken(token), signal);
    if (!found) throw invalidToken('the session is unknown or has ended');
    const { session, access } = found;
    checkExpiry(session.expiresAt, clock);
    return {
      kind: 'user',
      id: access.user.id,
      name: access.user.name,
      authentication: 'session',
      sessionId: session.id,
      expiresAt: null,
      defaultWorkspaceId: access.user.defaultWorkspaceId,
      dialect: null,
      ...accessOfUser(access),
    };
  },
};
