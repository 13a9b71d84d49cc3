import { expect } from 'chai';
import { estimateRows } from '../../../src/store/workspaces/row-estimates.ts';
import { addCredential, newCredential, openTestStores, setUpInstance, until, type TestStores } from '../fixtures.ts';

describe('estimates of rows', () => {
  let test: TestStores;

  beforeEach(async () => {
    test = await openTestStores(2);
  });

  afterEach(async () => {
    await test.close();
  });

  it('are those of all workspaces, without seeing a row of them', async () => {
    const { owner, workspace } = await setUpInstance(test);
    for (let made = 0; made < 5; made++) {
      await addCredential(test, newCredential(workspace.id, { createdBy: owner.id }));
    }
    await test.asSuperuser('vacuum analyze');
    await until(async () => (await estimateRows(test.database)).credentialVersions === 5);
    expect(await estimateRows(test.database)).to.deep.equal({ workspaceKeys: 1, credentialVersions: 5 });
  });

  it('are nothing where there is nothing', async () => {
    expect(await estimateRows(test.database)).to.deep.equal({ workspaceKeys: 0, credentialVersions: 0 });
  });
});
