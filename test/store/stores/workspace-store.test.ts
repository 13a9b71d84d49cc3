import { expect } from 'chai';
import { shortIdOf } from '../../../src/vault/ids.ts';
import type { User } from '../../../src/vault/identity/identity.ts';
import type { Workspace } from '../../../src/vault/workspaces/ports.ts';
import {
  addWorkspace,
  newEvent,
  newId,
  newWorkspace,
  newWorkspaceKey,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

describe('the workspace store', () => {
  let test: TestStores;
  let owner: User;
  let first: Workspace;
  let second: Workspace;

  before(async () => {
    test = await openTestStores();
    ({ owner, workspace: first } = await setUpInstance(test));
    second = await addWorkspace(test, owner);
  });

  after(async () => {
    await test.close();
  });

  const list = (page: { size: number; after?: string; among?: readonly string[] }) =>
    test.stores.workspaces.listWorkspaces({ signal: patience, ...page });

  it('finds a workspace by either spelling of its id', async () => {
    for (const reference of [{ id: second.id }, { shortId: shortIdOf(second.id) }]) {
      expect(await test.stores.workspaces.findWorkspace(reference, patience)).to.deep.equal(second);
    }
    expect(await test.stores.workspaces.findWorkspace({ id: newId() }, patience)).to.equal(undefined);
  });

  it('keeps its first key', async () => {
    expect(await test.stores.keys.findWorkspaceKeys(second.id)).to.have.length(1);
  });

  it('lists in the order of creation, among some, and behind an id', async () => {
    expect(await list({ size: 10 })).to.deep.equal([first, second]);
    expect(await list({ size: 1 })).to.deep.equal([first]);
    expect(await list({ size: 10, after: first.id })).to.deep.equal([second]);
    expect(await list({ size: 10, among: [second.id, newId()] })).to.deep.equal([second]);
    expect(await list({ size: 10, among: [first.id], after: first.id })).to.deep.equal([]);
    expect(await list({ size: 10, among: [] })).to.deep.equal([]);
  });

  it('creates all or nothing', async () => {
    const workspace = newWorkspace();
    const nobody = { workspaceId: workspace.id, userId: newId(), role: 'ADMIN', mayReveal: true } as const;
    const key = newWorkspaceKey(workspace.id);
    const refused = test.stores.workspaces.createWorkspace({ workspace, key, maker: nobody, event: newEvent() });
    expect(await rejectionOf(refused)).to.have.property('constraint', 'membership_user_id_foreign');
    expect(await test.stores.workspaces.findWorkspace({ id: workspace.id }, patience)).to.equal(undefined);
    expect(await test.stores.keys.findWorkspaceKeys(workspace.id)).to.deep.equal([]);
  });
});
