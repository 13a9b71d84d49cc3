import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { blankMarker, failure, objectOf, path, startFlowise, type FlowiseTest } from './flowise-test.ts';

describe('flowise: POST …/ with an id in its body', () => {
  let flowise: FlowiseTest;

  before(async () => {
    flowise = await startFlowise();
  });
  after(() => flowise.coffer.stop());

  async function shown(id: string, as?: string) {
    return objectOf((await flowise.call('GET', path + id, undefined, as)).body);
  }

  it('honours it, whichever version of UUID it is, in small letters', async () => {
    const id = randomUUID();
    expect(await flowise.create({ id: id.toUpperCase() })).to.equal(id);
    expect(await flowise.secretOf(id)).to.deep.equal({ openAIApiKey: 'sk-first' });
  });

  it('takes null for none', async () => {
    expect(await flowise.create({ id: null })).to.be.a('string');
  });

  for (const id of ['', '1', 'CRD-0123456789ABCDEF', '{018cc251-f400-7000-8000-000000000001}', 7]) {
    it(`answers 400 where it is ${JSON.stringify(id)}`, async () => {
      const sent = { name: 'a', credentialName: 'b', plainDataObj: { c: '1' }, id };
      const { status, body } = await flowise.call('POST', path, sent);
      expect(status).to.equal(400);
      expect(body).to.include({ statusCode: 400, success: false });
    });
  }

  it('is an upsert in the same workspace', async () => {
    const id = randomUUID();
    await flowise.create({ id, plainDataObj: { openAIApiKey: 'sk-1', region: 'eu' } });
    await flowise.create({ id, name: 'again', credentialName: 'cohereApi', plainDataObj: { cohereApiKey: 'c' } });
    expect(await shown(id)).to.include({ name: 'again', credentialName: 'cohereApi' });
    expect(await flowise.secretOf(id)).to.deep.equal({ cohereApiKey: 'c' });
    expect(await flowise.describeNatively(id)).to.include({ current_version: 2 });
  });

  it('keeps the value for which the marker is sent', async () => {
    const id = randomUUID();
    await flowise.create({ id, plainDataObj: { openAIApiKey: 'sk-1', region: 'eu' } });
    await flowise.create({ id, plainDataObj: { openAIApiKey: blankMarker, region: 'us' } });
    expect(await flowise.secretOf(id)).to.deep.equal({ openAIApiKey: 'sk-1', region: 'us' });
  });

  it('can be used again after a delete', async () => {
    const id = randomUUID();
    await flowise.create({ id });
    await flowise.call('DELETE', path + id);
    expect(await flowise.create({ id, plainDataObj: { openAIApiKey: 'sk-2' } })).to.equal(id);
    expect(await flowise.secretOf(id)).to.deep.equal({ openAIApiKey: 'sk-2' });
  });

  it('is never an upsert across workspaces', async () => {
    const id = await flowise.create({ id: randomUUID() });
    const own = await flowise.keyOfNewWorkspace();
    const theirs = { id, name: 'theirs', credentialName: 'openAIApi', plainDataObj: { openAIApiKey: 'sk-theirs' } };
    expect((await flowise.call('POST', path, theirs, own)).status).to.equal(200);
    expect(await shown(id)).to.include({ name: 'mine' });
    expect(await flowise.secretOf(id)).to.deep.equal({ openAIApiKey: 'sk-first' });
    expect(await shown(id, own)).to.include({ name: 'theirs' });
  });

  it('stores nothing and answers 412 where the data are only markers', async () => {
    const sent = { name: 'a', credentialName: 'b', plainDataObj: { c: blankMarker } };
    const { status, body } = await flowise.call('POST', path, sent);
    const sentence = 'Error: credentialsController.createCredential - credentialData not provided!';
    expect({ status, body }).to.deep.equal({ status: 412, body: failure(412, sentence) });
  });
});
