import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { allRoutes, type DocumentedRoute } from '../support/routes.ts';
import { restClient, type RestCall, type RestReply } from './call-rest.ts';

const unknownId = '018cc251-f400-7abc-8def-0123456789ab';

/** What path variables hold: ids of nothing, so that no route changes what another one is to find. */
const values: Readonly<Record<string, string>> = {
  credential_id: unknownId,
  id: unknownId,
  name: 'no such name',
  component_name: 'openAIApi',
};

const routes = await allRoutes();
const dialectRoutes = routes.filter(({ method }) => !method.parent.typeName.startsWith('coffer.'));

function dialectOf({ method }: DocumentedRoute): string {
  return method.parent.typeName.split('.')[0] ?? '';
}

/** What is the same of two answers, whenever they are given. */
function essenceOf({ status, text }: RestReply): unknown {
  return { status, text: text.replaceAll(/"(?:traceId|timestamp)":"[^"]*"/g, '') };
}

describe('the traps that are common to all dialects', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let token: string;

  before(async () => {
    coffer = await startCoffer();
    call = restClient(coffer.origin);
    token = await coffer.issueKey({ role: 'EDITOR' });
  });

  after(async () => {
    await coffer.stop();
  });

  /** Below the mount prefix, so that no path is shared. */
  function pathOf(route: DocumentedRoute): string {
    const path = route.template.replaceAll(/\{(\w+)(?:=[^}]*)?\}/g, (_all, name: string) =>
      encodeURIComponent(name === 'workspace_id' ? coffer.defaultWorkspaceShortId : (values[name] ?? unknownId)),
    );
    return `/${dialectOf(route)}${path}`;
  }

  for (const route of dialectRoutes) {
    const { httpMethod, template, hasBody } = route;
    const title = `${dialectOf(route)} ${httpMethod} ${template}`;

    if (!hasBody) {
      it(`an empty body with Content-Type: application/json is accepted: ${title}`, async () => {
        const request = { method: httpMethod, path: pathOf(route), token };
        const plain = await call(request);
        // 412 is what Flowise answers where the id is left out of the path.
        expect(plain.status).to.be.oneOf([200, 404, 412]);
        for (const body of ['', '{}']) {
          const headers = { 'content-type': 'application/json' };
          // fetch lets no GET have a body: its empty one has the header alone.
          const reply = await call({ ...request, headers, ...(httpMethod !== 'GET' && { body }) });
          expect(essenceOf(reply)).to.deep.equal(essenceOf(plain));
        }
      });
    }

    it(`a trailing slash makes no difference: ${title}`, async () => {
      const path = pathOf(route).replace(/\/$/, '');
      const request = { method: httpMethod, token, ...(hasBody && { body: {} }) };
      const [bare, slashed] = [await call({ ...request, path }), await call({ ...request, path: `${path}/` })];
      expect(essenceOf(slashed)).to.deep.equal(essenceOf(bare));
      expect(bare.text).to.not.match(/no such path|"detail":"Not Found"|"error_code":"HTTP_404"/);
    });
  }
});
