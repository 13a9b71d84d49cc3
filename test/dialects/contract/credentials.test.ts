import { expect } from 'chai';
import { absentId, dialectOf, pathOf } from '../../support/routes.ts';
import {
  contractOf,
  credentialRoutes,
  expectRefusal,
  secretText,
  startContractCoffer,
  titleOf,
  type ContractCoffer,
} from './contract-coffer.ts';
import { contractDialects } from './dialects.ts';

const native = '/v1/workspaces/default/credentials';

/** What a request of the native API needs beside its path to be about a credential. */
const bodies: Readonly<Record<string, object>> = {
  AddSecretVersion: { secret: { api_key: 'new' } },
  CopyCredential: { destination_workspace_id: absentId },
  MoveCredential: { destination_workspace_id: absentId },
  CompareSecretVersions: { version: 1, other_version: 2 },
};
/** They are about credentials that are deleted. */
const aboutDeleted = new Set(['UndeleteCredential', 'PurgeCredential']);
/** They need ADMIN. */
const forAdmins = new Set(['PurgeCredential', 'DestroySecretVersion']);

describe('a credential of every dialect', () => {
  let contract: ContractCoffer;
  let absentIds: readonly string[];
  let deleted: string;
  let elsewhere: { readonly workspaceId: string; readonly id: string };

  before(async () => {
    contract = await startContractCoffer();
    deleted = await contract.create('coffer', 'deleted');
    await contract.coffer.native('DELETE', `${native}/${deleted}`);
    elsewhere = await contract.createElsewhere();
    absentIds = [absentId, 'CRD-00000000DEADBEEF', 'nonsense', ' ', deleted, elsewhere.id];
  });
  after(() => contract.coffer.stop());

  for (const route of credentialRoutes) {
    // MiniFlow reveals by the same call.
    const queries = titleOf(route).startsWith('miniflow GET') ? ['', '?include_secret=true'] : [''];
    it(`is absent alike where it never was, is deleted, or is in another workspace: ${titleOf(route)}`, async () => {
      const { call, coffer } = contract;
      const { name } = route.method;
      const token = forAdmins.has(name) ? coffer.adminToken : contract.token;
      const body = dialectOf(route) === 'coffer' ? (bodies[name] ?? {}) : { name: 'new', label: 'new' };
      for (const id of absentIds) {
        if (id === deleted && aboutDeleted.has(name)) continue;
        // The admin key sees the other workspace as well, which is not that of the path.
        const values = { workspace_id: coffer.defaultWorkspaceShortId, credential_id: id, id, version: '1' };
        const path = pathOf(route, values);
        const request = { method: route.httpMethod, token, ...(route.hasBody && { body }) };
        for (const query of queries)
          expectRefusal(
            await call({ ...request, path: path + query }),
            contractOf(route).refusals.absent(id, route.method.name),
            id,
          );
      }
      const path = `/v1/workspaces/${elsewhere.workspaceId}/credentials/${elsewhere.id}`;
      expect(await coffer.native('GET', path)).to.have.nested.property('credential.etag', '1');
    });
  }

  for (const [dialect, { refusals }] of Object.entries(contractDialects)) {
    it(`is recorded once when it is created, with its dialect, and its secret is nowhere in the trail: ${dialect}`, async () => {
      const id = await contract.create(dialect, `recorded by ${dialect}`);
      const { credential } = await contract.coffer.native('GET', `${native}/${id}`);
      const uuid = /"id":"([^"]+)"/.exec(JSON.stringify(credential))?.[1];
      const trail = await contract.coffer.native('GET', '/v1/workspaces/default/auditEvents?page_size=1000');
      const events = Array.isArray(trail['audit_events']) ? trail['audit_events'] : [];
      const own = events.filter((event) => Object(event)['resource_id'] === uuid);
      expect(own.map((event) => Object(event)['action'])).to.deep.equal(['credentials.create']);
      expect(own[0]).to.deep.include({ dialect, outcome: 'OK' });
      expect(JSON.stringify(trail)).not.to.include(secretText);
    });

    const { nameTaken } = refusals;
    if (nameTaken === undefined) {
      it(`may have the name of another one: ${dialect}`, async () => {
        expect(await contract.create(dialect, 'twin')).not.to.equal(await contract.create(dialect, 'twin'));
      });
      continue;
    }

    it(`is created once of 20 times at once under one name: ${dialect}`, async () => {
      const name = `contested in ${dialect}`;
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => contract.call(contract.creation(dialect, name))),
      );
      const refused = replies.filter(({ status }) => status !== 200);
      expect(refused).to.have.length(19);
      for (const reply of refused) expectRefusal(reply, nameTaken(name));
    });

    it(`frees its name when it is deleted, and takes none in another workspace: ${dialect}`, async () => {
      const name = `freed in ${dialect}`;
      const id = await contract.create(dialect, name);
      await contract.coffer.native('DELETE', `${native}/${id}`);
      expect(await contract.create(dialect, name)).not.to.equal(id);
      const workspaceId = await contract.coffer.createWorkspace('same names');
      const header = contractDialects[dialect]?.workspaceHeader;
      const reply = await contract.call({
        ...contract.creation(dialect, name, workspaceId),
        token: contract.coffer.adminToken,
        ...(header !== undefined && { headers: { [header]: workspaceId } }),
      });
      expect(reply.status, reply.text).to.equal(200);
    });
  }
});
