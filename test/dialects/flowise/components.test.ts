import { expect } from 'chai';
import { restClient } from '../call-rest.ts';
import { entities, failure, objectOf, startFlowise, type FlowiseTest } from './flowise-test.ts';

const password = (name: string) => ({ label: name, name, type: 'password' });

const url = '/api/v1/components-credentials';

describe('flowise: GET /api/v1/components-credentials', () => {
  let flowise: FlowiseTest;

  before(async () => {
    flowise = await startFlowise();
  });
  after(() => flowise.coffer.stop());

  const inputsOf = async (name: string, token: string) => {
    const { status, body } = await flowise.call('GET', `${url}/${name}`, undefined, token);
    return status === 200 ? { name: objectOf(body)['name'], inputs: objectOf(body)['inputs'] } : status;
  };

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

  describe('of a provider without a component', () => {
    it('has its very name, and a password field for each field that is stored', async () => {
      const own = await flowise.keyOfNewWorkspace();
      await flowise.call('POST', '/scale/v5/credentials', { type: 'key', name: 'n', payload: 'p' }, own);
      expect(await inputsOf('custom', own)).to.deep.equal({ name: 'custom', inputs: [password('payload')] });
      for (const service of ['acme', 'custom.crm']) {
        await flowise.call('POST', '/fishnet/api/credentials', { service, name: 'n', key: 'k' }, own);
        expect(await inputsOf(service, own)).to.deep.equal({ name: service, inputs: [password('key')] });
      }
      const plainDataObj = { user: 'u', password: 'p', key: 'k' };
      await flowise.call(
        'POST',
        '/flowise/api/v1/credentials/',
        { name: 'n', credentialName: 'acme', plainDataObj },
        own,
      );
      const { inputs } = Object(await inputsOf('acme', own));
      expect(inputs).to.have.deep.members([password('key'), password('user'), password('password')]);
    });

    it('has no field where no secret of it has one', async () => {
      const own = await flowise.keyOfNewWorkspace();
      const body = { name: 'n', credentialName: 'acme', plainDataObj: {} };
      expect((await flowise.call('POST', '/flowise/api/v1/credentials/', body, own)).status).to.equal(200);
      expect(await inputsOf('acme', own)).to.deep.equal({ name: 'acme', inputs: [] });
    });

    it('is not that of httpApiKey, which has other fields', async () => {
      const own = await flowise.keyOfNewWorkspace();
      const { name, inputs } = Object(await inputsOf('httpApiKey', own));
      expect(name).to.equal('httpApiKey');
      expect(inputs).to.deep.include({ label: 'Value', name: 'value', type: 'password' });
    });

    it('is there for custom without any credential, and for no other', async () => {
      const own = await flowise.keyOfNewWorkspace();
      expect(await inputsOf('custom', own)).to.deep.equal({ name: 'custom', inputs: [] });
      expect(await inputsOf('acme', own)).to.equal(404);
    });

    it('shows no field of another workspace, of what was deleted, or of what a key is not for', async () => {
      const [own, other] = [await flowise.keyOfNewWorkspace(), await flowise.keyOfNewWorkspace()];
      const fish = { service: 'acme', name: 'n', key: 'k' };
      const { body } = await flowise.call('POST', '/fishnet/api/credentials', fish, own);
      expect(await inputsOf('acme', other)).to.equal(404);
      await flowise.call('DELETE', `/fishnet/api/credentials/${String(objectOf(body)['id'])}`, undefined, own);
      expect(await inputsOf('acme', own)).to.equal(404);
      await flowise.call('POST', '/fishnet/api/credentials', { ...fish, service: 'of the default' }, flowise.token);
      const scoped = await flowise.coffer.issueKey({ role: 'VIEWER', providers: ['openai'] });
      expect(await inputsOf(encodeURIComponent('of the default'), scoped)).to.equal(404);
    });
  });

  it('answers 401 without a key, and 200 to any key', async () => {
    const viewer = await flowise.coffer.issueKey({ role: 'VIEWER' });
    for (const asked of [url, `${url}/openAIApi`]) {
      const { status, body } = await restClient(flowise.coffer.origin)({ path: asked });
      expect({ status, body }).to.deep.equal({ status: 401, body: { error: 'Unauthorized Access' } });
      expect((await flowise.call('GET', asked, undefined, viewer)).status).to.equal(200);
    }
  });
});
