import { expect } from 'chai';
import { claimedGrants, claimedGrantsMax } from '../../../src/authentication/oidc/claims.ts';

const id = '018cc251-f400-7000-8000-00000000000a';
const other = '018cc251-f400-7000-8000-00000000000b';

const grantsOf = (claims: Record<string, unknown>) => claimedGrants(claims, { workspace: 'tenant', role: 'job' });

describe('claimedGrants', () => {
  it('reads the claims of the given names', () => {
    expect(grantsOf({ tenant: id, job: 'RUNTIME' })).to.deep.equal([{ workspace: { id }, role: 'RUNTIME' }]);
    expect(grantsOf({ coffer_workspace: id, coffer_role: 'RUNTIME' })).to.deep.equal([]);
  });

  it('takes one role for all workspaces, single or in a list', () => {
    for (const job of ['VIEWER', ['VIEWER']]) {
      expect(grantsOf({ tenant: [id, other], job }).map(({ role }) => role)).to.deep.equal(['VIEWER', 'VIEWER']);
    }
  });

  it('leaves out single entries that are neither a workspace nor a role, and keeps the others at their places', () => {
    const grants = grantsOf({ tenant: [id, 7, other, other], job: ['OWNER', 'ADMIN', 'VIEWER', null] });
    expect(grants).to.deep.equal([{ workspace: { id: other }, role: 'VIEWER' }]);
  });

  it('grants nothing where the lists do not fit', () => {
    expect(grantsOf({ tenant: [id, other, id], job: ['ADMIN', 'VIEWER'] })).to.deep.equal([]);
    expect(grantsOf({ tenant: id, job: [] })).to.deep.equal([]);
    expect(grantsOf({ tenant: [], job: 'ADMIN' })).to.deep.equal([]);
  });

  it('grants nothing where there are too many workspaces', () => {
    const many = Array.from({ length: claimedGrantsMax }, () => id);
    expect(grantsOf({ tenant: many, job: 'ADMIN' })).to.have.lengthOf(claimedGrantsMax);
    expect(grantsOf({ tenant: [...many, id], job: 'ADMIN' })).to.deep.equal([]);
  });

  it('reads no claim that the token does not hold itself', () => {
    const claims: Record<string, unknown> = Object.create({ tenant: id, job: 'ADMIN' });
    expect(grantsOf(claims)).to.deep.equal([]);
  });
});
