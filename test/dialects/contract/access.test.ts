import { expect } from 'chai';
import { formatShortId } from '../../../src/vault/ids.ts';
import { textOf } from '../../support/json.ts';
import { absentId, dialectOf, pathOf, type DocumentedRoute } from '../../support/routes.ts';
import {
  contractOf,
  expectRefusal,
  startContractCoffer,
  titleOf,
  workspaceRoutes,
  type ContractCoffer,
} from './contract-coffer.ts';
import { contractDialects, type Refusal } from './dialects.ts';

const keys = '/v1/workspaces/default/apiKeys';

/** Of these rpcs, NOT_FOUND means that nothing matches: clients then delete their copies. */
const absenceIsMeant = new Set(['ResolveSecret', 'BatchRevealSecrets']);

/** How a route refuses a caller who is no member of the workspace that its path names. */
function deniedBy(route: DocumentedRoute): Refusal {
  const { forbidden, workspaceDenied } = contractOf(route).refusals;
  return absenceIsMeant.has(route.method.name) ? forbidden : workspaceDenied;
}

describe('access through every dialect', () => {
  let contract: ContractCoffer;
  let tokens: { expired: string; revoked: string; readers: readonly string[] };

  before(async () => {
    contract = await startContractCoffer();
    const { coffer } = contract;
    const issue = (members: object) => coffer.native('POST', keys, { name: 'k', role: 'EDITOR', ...members });
    const expired = await issue({ expires_at: '2023-12-31T23:59:59Z' });
    const revoked = await issue({});
    await coffer.native('POST', `${keys}/${textOf(revoked, 'api_key', 'id')}:revoke`);
    tokens = {
      expired: textOf(expired, 'token'),
      revoked: textOf(revoked, 'token'),
      readers: [await coffer.issueKey({ role: 'VIEWER' }), await coffer.issueKey({ role: 'RUNTIME' })],
    };
  });
  after(() => contract.coffer.stop());

  const requestOf = (route: DocumentedRoute, workspace = contract.coffer.defaultWorkspaceShortId) => ({
    method: route.httpMethod,
    path: pathOf(route, { workspace_id: workspace }),
    // What is refused is refused before the body is judged.
    ...(route.hasBody && { body: {} }),
  });

  for (const route of workspaceRoutes) {
    const { challenges, refusals, workspaceHeader } = contractOf(route);

    it(`needs a valid token, and repeats none: ${titleOf(route)}`, async () => {
      const missing = await contract.call(requestOf(route));
      expectRefusal(missing, refusals.tokenMissing);
      expect(missing.headers.has('www-authenticate')).to.equal(challenges);
      for (const [token, refusal] of [
        ['cof_unknown', refusals.tokenInvalid],
        [tokens.revoked, refusals.tokenInvalid],
        [tokens.expired, refusals.tokenExpired],
      ] as const) {
        const reply = await contract.call({ ...requestOf(route), token });
        expectRefusal(reply, refusal, token.slice(0, 8));
        expect(reply.text).not.to.include(token);
      }
    });

    it(`needs membership of the workspace, and does not reveal whether that exists: ${titleOf(route)}`, async () => {
      const { call, coffer, token } = contract;
      for (const id of [absentId, await coffer.createWorkspace('elsewhere')]) {
        const shortId = formatShortId('workspace', id);
        if (workspaceHeader !== undefined)
          expectRefusal(
            await call({ ...requestOf(route), token, headers: { [workspaceHeader]: id } }),
            refusals.workspaceDenied,
          );
        if (route.template.includes('{workspace_id}'))
          expectRefusal(await call({ ...requestOf(route, shortId), token }), deniedBy(route));
      }
    });
  }

  for (const [dialect, { refusals }] of Object.entries(contractDialects)) {
    it(`needs the right to write for a create, whatever its body: ${dialect}`, async () => {
      const creation = contract.creation(dialect, 'by a reader');
      for (const token of tokens.readers) {
        for (const body of [{}, creation.body])
          expectRefusal(await contract.call({ ...creation, body, token }), refusals.forbidden);
      }
    });

    it(`lets a reader list and show credentials, and neither change nor delete them: ${dialect}`, async () => {
      const id = await contract.create(dialect, `kept from readers of ${dialect}`);
      const values = { workspace_id: contract.coffer.defaultWorkspaceShortId, credential_id: id, id };
      const own = workspaceRoutes.filter((route) => dialectOf(route) === dialect && !route.template.endsWith('/'));
      for (const token of tokens.readers) {
        for (const route of own.filter(({ method }) => /^(Get|List)Credentials?$/.test(method.name)))
          expect((await contract.call({ path: pathOf(route, values), token })).status, titleOf(route)).to.equal(200);
        for (const route of own.filter(({ method }) => /^(Update|Delete)Credential$/.test(method.name))) {
          const request = { ...requestOf(route), path: pathOf(route, values), token };
          expectRefusal(await contract.call(request), refusals.forbidden, titleOf(route));
        }
      }
      expect(await contract.coffer.native('GET', `/v1/workspaces/default/credentials/${id}`)).to.have.nested.property(
        'credential.etag',
        '1',
      );
    });
  }
});
