import { expect } from 'chai';
import { restClient } from '../call-rest.ts';
import { entities, failure, objectOf, startFlowise, type FlowiseTest } from './flowise-test.ts';

const url = '/api/v1/components-credentials';

describe('flowise: GET /api/v1/components-credentials', () => {
  let flowise: FlowiseTest;

  before(async () => {
    flowise = await startFlowise();
  });
  after(() => flowise.coffer.stop());

  for (const spelling of [url, `${url}/`, `/flowise${url}`]) {
    it(`answers [{label,name,version,inputs:[{label,name,type}]}] at ${spelling}`, async () => {
      const { status, body } = await flowise.call('GET', spelling);
      expect(status).to.equal(200);
      const components = entities(body);
      const names = components.map(({ name }) => name);
      expect(names).to.include.members(['openAIApi', 'anthropicApi', 'googleGenerativeAI', 'slackApi']);
      for (const component of components) {
        expect(Object.keys(component)).to.deep.equal(['label', 'name', 'version', 'inputs']);
        expect(component['version']).to.be.a('number');
        for (const input of entities(component['inputs'])) {
          expect(Object.keys(input)).to.deep.equal(['label', 'name', 'type']);
          expect(input['type']).to.be.oneOf(['password', 'url', 'string']);
        }
      }
    });
  }

  it('answers one object by /:name', async () => {
    const { status, body } = await flowise.call('GET', `${url}/openAIApi`);
    expect(status).to.equal(200);
    expect(body).to.deep.equal({
      label: 'OpenAI API',
      name: 'openAIApi',
      version: 1,
      inputs: [{ label: 'OpenAI Api Key', name: 'openAIApiKey', type: 'password' }],
    });
  });

  it('understands by /:name what other dialects call the provider', async () => {
    expect(objectOf((await flowise.call('GET', `${url}/OPENAI`)).body)).to.include({ name: 'openAIApi' });
  });

  for (const name of ['unheardOf', 'toString', '__proto__']) {
    it(`answers 404 by /:name for the unknown ${name}`, async () => {
      const { status, body } = await flowise.call('GET', `${url}/${name}`);
      const sentence = `Error: componentsCredentialsController.getComponentByName - Credential ${name} not found`;
      expect({ status, body }).to.deep.equal({ status: 404, body: failure(404, sentence) });
    });
  }

  it('answers 401 without a key, and 200 to any key', async () => {
    const viewer = await flowise.coffer.issueKey({ role: 'VIEWER' });
    for (const asked of [url, `${url}/openAIApi`]) {
      const { status, body } = await restClient(flowise.coffer.origin)({ path: asked });
      expect({ status, body }).to.deep.equal({ status: 401, body: { error: 'Unauthorized Access' } });
      expect((await flowise.call('GET', asked, undefined, viewer)).status).to.equal(200);
    }
  });
});
