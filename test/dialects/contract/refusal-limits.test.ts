import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { allRoutes, dialectOf, pathOf } from '../../support/routes.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';

const routes = await allRoutes();

/** How a dialect refuses a query of too many parameters, in its own shape. */
const refusals: Readonly<Record<string, { readonly status: number; readonly body: object }>> = {
  coffer: { status: 400, body: { code: 'invalid_argument', message: 'query must have at most 1000 members' } },
  flowise: { status: 400, body: { statusCode: 400, success: false } },
  fishnet: { status: 400, body: { error: 'query must have at most 1000 members' } },
  mielto: { status: 422, body: {} },
  scale: { status: 422, body: {} },
  miniflow: { status: 422, body: { error_code: 'VALIDATION_ERROR' } },
};

describe('the limits of what refusals repeat', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;

  before(async () => {
    coffer = await startCoffer();
    call = restClient(coffer.origin);
  });

  after(() => coffer.stop());

  for (const route of routes) {
    it(`hold for the parameters of a query, and for those without authentication: ${route.httpMethod} ${route.template} (${route.method.name})`, async () => {
      const query = `?${Array.from({ length: 1_001 }, () => 'a=').join('&')}`;
      const request = {
        method: route.httpMethod,
        path: pathOf(route, { workspace_id: coffer.defaultWorkspaceShortId }) + query,
        ...(route.hasBody && { body: {} }),
      };
      const { status, body } = refusals[dialectOf(route)] ?? expect.fail();
      const reply = await call({ ...request, token: coffer.adminToken });
      expect(reply.status).to.equal(status);
      expect(reply.body).to.include(body);
      const nobody = await call(request);
      expect(nobody.status).to.be.oneOf([status, 401]);
      expect(nobody.text).to.have.length.below(1_000);
    });
  }

  it('let a query of 1,000 parameters pass', async () => {
    const path = `/v5/credentials?${Array.from({ length: 1_000 }, () => 'limit=1').join('&')}`;
    expect((await call({ path, token: coffer.adminToken })).status).to.equal(200);
  });

  it('hold for names that a request gives to what is absent, in every dialect', async () => {
    const name = 'é'.repeat(2_000);
    for (const path of [
      `/flowise/api/v1/credentials/${encodeURIComponent(name)}`,
      `/v1/workspaces/${encodeURIComponent(name)}/credentials`,
      `/v1/workspaces/default/credentials/${encodeURIComponent(name)}`,
      `/miniflow/frontend/workspaces/${encodeURIComponent(name)}/credentials`,
      `/miniflow/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials/${encodeURIComponent(name)}`,
      `/mielto/api/v1/credentials/${encodeURIComponent(name)}`,
      `/scale/v5/credentials/${encodeURIComponent(name)}`,
      `/fishnet/api/credentials/${encodeURIComponent(name)}`,
    ]) {
      const { status, text } = await call({ path, token: coffer.adminToken });
      expect(status, path.slice(0, 40)).to.be.within(400, 499);
      expect(text, path.slice(0, 40)).not.to.contain('é'.repeat(129));
    }
  });
});
