import { expect } from 'chai';
import {
  requireGrant,
  authorizeOwner,
  authorizeSomewhere,
  resolveWorkspace,
  type Caller,
  type Grant,
} from '../../src/vault/caller.ts';
import { VaultError, type VaultErrorCode } from '../../src/vault/errors.ts';
import { shortIdOf } from '../../src/vault/ids.ts';
import { permits, roles, type Permission } from '../../src/vault/permissions.ts';

const own = '018cc251-f400-7123-8abc-def012345678';
const second = '018cc251-f400-7123-8abc-def01234567b';
const foreign = '018cc251-f400-7123-8abc-def01234567f';

function callerWith(grants: readonly Grant[], isOwner = false): Caller {
  return {
    kind: 'user',
    id: '018cc251-f400-7123-8abc-def012345679',
    name: 'somebody',
    userId: '018cc251-f400-7123-8abc-def012345679',
    authentication: 'session',
    sessionId: null,
    expiresAt: null,
    isOwner,
    defaultWorkspaceId: own,
    grants,
    dialect: null,
  };
}

function refusal(work: () => unknown): VaultErrorCode | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof VaultError) return error.code;
    throw error;
  }
}

describe('a caller', () => {
  const caller = callerWith([
    { workspaceId: own, role: 'EDITOR', mayReveal: false },
    { workspaceId: second, role: 'VIEWER', mayReveal: true },
  ]);

  it('names a workspace by its id, its short id, or as the default one', () => {
    expect(resolveWorkspace(caller, second)).to.equal(second);
    expect(resolveWorkspace(caller, `WSP-${shortIdOf(second)}`)).to.equal(second);
    expect(resolveWorkspace(caller, 'default')).to.equal(own);
  });

  it('is refused a foreign workspace just as one that does not exist, or that is no id', () => {
    for (const text of [foreign, `WSP-${shortIdOf(foreign)}`, 'nonsense', '']) {
      expect(refusal(() => resolveWorkspace(caller, text))).to.equal('workspace_denied');
    }
  });

  it('is refused as a stranger where it has no grant, even as an owner', () => {
    expect(refusal(() => requireGrant(caller, foreign, 'credentials.read'))).to.equal('workspace_denied');
    expect(refusal(() => requireGrant(callerWith([], true), own, 'secrets.reveal'))).to.equal('workspace_denied');
  });

  it('is refused what its role does not carry, by the name of the permission', () => {
    expect(refusal(() => requireGrant(caller, second, 'credentials.write'))).to.equal('permission_denied');
    expect(refusal(() => requireGrant(caller, own, 'secrets.reveal'))).to.equal('permission_denied');
    expect(requireGrant(caller, own, 'credentials.write').role).to.equal('EDITOR');
  });

  it('is refused before its workspace is known where it has the permission in none', () => {
    expect(refusal(() => authorizeSomewhere(caller, 'credentials.write'))).to.equal(undefined);
    expect(refusal(() => authorizeSomewhere(caller, 'api_keys.manage'))).to.equal('permission_denied');
    expect(refusal(() => authorizeSomewhere(callerWith([], true), 'credentials.read'))).to.equal('permission_denied');
  });

  it('manages the instance only as an owner', () => {
    expect(refusal(() => authorizeOwner(caller, 'workspaces.manage'))).to.equal('permission_denied');
    expect(refusal(() => authorizeOwner(callerWith([], true), 'workspaces.manage'))).to.equal(undefined);
  });
});

describe('roles', () => {
  const least: readonly (readonly [Permission, number])[] = [
    ['workspaces.read', 0],
    ['credentials.read', 0],
    ['secrets.reveal', 1],
    ['credentials.write', 2],
    ['api_keys.manage', 3],
    ['workspaces.manage', roles.length],
  ];
  for (const [permission, index] of least) {
    it(`carry ${permission} from ${roles[index] ?? 'no role of a workspace'} on`, () => {
      const carrying = roles.filter((role) => permits({ role, mayReveal: true }, permission));
      expect(carrying).to.deep.equal(roles.slice(index));
    });
  }

  it('reveal nothing where that was withheld', () => {
    expect(roles.filter((role) => permits({ role, mayReveal: false }, 'secrets.reveal'))).to.deep.equal([]);
    expect(permits({ role: 'EDITOR', mayReveal: false }, 'credentials.write')).to.equal(true);
  });
});
