import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { allRoutes, dialectOf, pathOf, type DocumentedRoute } from '../../support/routes.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';

const dialectRoutes = (await allRoutes()).filter(({ method }) => !method.parent.typeName.startsWith('coffer.'));

/** Where a dialect has its paths to itself, and so answers them without its mount prefix. */
const ofOneDialect = new Set(['fishnet', 'scale', 'miniflow']);

/** What is the same of two answers, whenever they are given. */
function essenceOf({ status, text }: RestReply): unknown {
  return { status, text: text.replaceAll(/"(?:traceId|timestamp)":"[^"]*"/g, '') };
}

describe('paths and empty bodies of all dialects', () => {
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

  /** Below the mount prefix, so that no path is shared; of what is absent, so that no route changes what another one finds. */
  const pathFor = (route: DocumentedRoute): string =>
    pathOf(route, {
      workspace_id: coffer.defaultWorkspaceShortId,
      name: 'no such name',
      component_name: 'openAIApi',
    });

  for (const route of dialectRoutes) {
    const { httpMethod, template, hasBody } = route;
    const title = `${dialectOf(route)} ${httpMethod} ${template}`;

    if (!hasBody) {
      it(`an empty body with Content-Type: application/json is accepted: ${title}`, async () => {
        const request = { method: httpMethod, path: pathFor(route), token };
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

    it(`neither a trailing slash nor the mount prefix makes a difference: ${title}`, async () => {
      const path = pathFor(route).replace(/\/$/, '');
      const request = { method: httpMethod, token, ...(hasBody && { body: {} }) };
      const bare = await call({ ...request, path });
      const others = [`${path}/`];
      if (ofOneDialect.has(dialectOf(route))) {
        const plain = path.slice(dialectOf(route).length + 1);
        others.push(plain, `${plain}/`);
      }
      for (const other of others)
        expect(essenceOf(await call({ ...request, path: other })), other).to.deep.equal(essenceOf(bare));
      expect(bare.text).to.not.match(/no such path|"detail":"Not Found"|"error_code":"HTTP_404"/);
    });
  }
});
