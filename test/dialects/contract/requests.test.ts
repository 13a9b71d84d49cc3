import { expect } from 'chai';
import { dialectOf, pathOf, type DocumentedRoute } from '../../support/routes.ts';
import {
  contractOf,
  expectRefusal,
  secretText,
  startContractCoffer,
  titleOf,
  workspaceRoutes,
  type ContractCoffer,
} from './contract-coffer.ts';
import { contractDialects } from './dialects.ts';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const bodyBytes = 2 * 1_024 * 1_024;

/** Of the path of a route; HEAD goes with GET. */
function methodsOf(route: DocumentedRoute): string[] {
  return workspaceRoutes
    .filter((other) => dialectOf(other) === dialectOf(route) && other.template === route.template)
    .flatMap(({ httpMethod }) => (httpMethod === 'GET' ? ['GET', 'HEAD'] : httpMethod));
}

describe('requests to every dialect', () => {
  let contract: ContractCoffer;

  before(async () => (contract = await startContractCoffer()));
  after(() => contract.coffer.stop());

  const pathFor = (route: DocumentedRoute) =>
    pathOf(route, { workspace_id: contract.coffer.defaultWorkspaceShortId, name: 'no such name' });

  for (const route of workspaceRoutes) {
    const { refusals } = contractOf(route);

    it(`are refused by a method that the path does not have, with those that it has: ${titleOf(route)}`, async () => {
      const { call, token } = contract;
      for (const method of methods) {
        const reply = await call({ method, path: pathFor(route), token, ...(method !== 'GET' && { body: {} }) });
        if (reply.status !== 405) continue;
        expectRefusal(reply, refusals.methodNotAllowed, method);
        expect(methodsOf(route)).not.to.include(method);
        expect(reply.headers.get('allow')?.split(', ')).to.include.members(methodsOf(route));
      }
    });

    if (!route.hasBody) continue;
    it(`are refused where the body is no JSON or too large, without a word of it: ${titleOf(route)}`, async () => {
      const { call, coffer } = contract;
      const request = { method: route.httpMethod, path: pathFor(route), token: coffer.adminToken };
      for (const body of ['{"name":', `{"name": ${secretText}`, `{"name": "a" "${secretText}"}`])
        expectRefusal(await call({ ...request, body }), refusals.malformedJson, body);
      const large = await call({ ...request, body: { name: 'n'.repeat(bodyBytes) } });
      expectRefusal(large, refusals.bodyTooLarge);
      expect(large.text).to.have.length.below(1_000);
    });
  }

  for (const [dialect, { refusals }] of Object.entries(contractDialects)) {
    it(`are refused below an unknown path: ${dialect}`, async () => {
      for (const path of [`/${dialect}/unknown`, `/${dialect}`])
        expectRefusal(await contract.call({ path, token: contract.token }), refusals.routeNotFound, path);
    });
  }
});
