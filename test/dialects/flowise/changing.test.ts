import { expect } from 'chai';
import {
  blankMarker,
  failure,
  members,
  notProvided,
  objectOf,
  path,
  startFlowise,
  unknownId,
  type FlowiseTest,
} from './flowise-test.ts';

describe('flowise: changing and deleting', () => {
  let flowise: FlowiseTest;

  before(async () => {
    flowise = await startFlowise();
  });
  after(() => flowise.coffer.stop());

  describe('PUT …/:id', () => {
    it('answers the entity with encryptedData', async () => {
      const id = await flowise.create();
      const sent = { name: 'renamed', plainDataObj: { openAIApiKey: 'sk-2' } };
      const { status, body } = await flowise.call('PUT', path + id, sent);
      expect(status).to.equal(200);
      const entity = objectOf(body);
      expect(entity).to.have.all.keys([...members, 'encryptedData']);
      expect(entity).to.include({ id, name: 'renamed', credentialName: 'openAIApi' });
      expect(entity['encryptedData']).to.match(/^[A-Za-z0-9+/]{100,}={0,2}$/);
    });

    for (const member of ['plainDataObj', 'credentialData']) {
      it(`merges ${member} key by key over the stored data`, async () => {
        const id = await flowise.create({ plainDataObj: { openAIApiKey: 'sk-1', region: 'eu' } });
        await flowise.call('PUT', path + id, { [member]: { openAIApiKey: 'sk-2', added: true } });
        expect(await flowise.secretOf(id)).to.deep.equal({ openAIApiKey: 'sk-2', region: 'eu', added: true });
        expect(await flowise.describeNatively(id)).to.include({ current_version: 2 });
      });
    }

    it('takes a value equal to the marker, and a mask, for unchanged', async () => {
      const id = await flowise.create({ plainDataObj: { openAIApiKey: 'sk-1', region: 'eu', zone: 'a' } });
      const plainDataObj = { openAIApiKey: blankMarker, region: 'us', zone: '********', added: blankMarker };
      await flowise.call('PUT', path + id, { plainDataObj });
      expect(await flowise.secretOf(id)).to.deep.equal({ openAIApiKey: 'sk-1', region: 'us', zone: 'a' });
    });

    it('adds no version where everything that was read is sent back', async () => {
      const id = await flowise.create();
      const shown = objectOf((await flowise.call('GET', path + id)).body);
      expect((await flowise.call('PUT', path + id, shown)).status).to.equal(200);
      expect(await flowise.describeNatively(id)).to.include({ current_version: 1, etag: '1' });
    });

    it('only renames where data are absent', async () => {
      const id = await flowise.create();
      const before = objectOf((await flowise.call('PUT', path + id)).body);
      const after = objectOf((await flowise.call('PUT', path + id, { name: 'renamed' })).body);
      expect(after).to.include({ name: 'renamed', encryptedData: before['encryptedData'] });
      expect(await flowise.secretOf(id)).to.deep.equal({ openAIApiKey: 'sk-first' });
    });

    for (const [title, sent] of [
      ['an empty body', ''],
      ['no body at all', undefined],
      ['null', 'null'],
      ['an empty object', {}],
      ['an empty data object', { plainDataObj: {} }],
    ] as const) {
      it(`changes nothing and answers 200 for ${title}`, async () => {
        const id = await flowise.create();
        const { status, body } = await flowise.call('PUT', path + id, sent);
        expect(status).to.equal(200);
        expect(objectOf(body)).to.include({ id, name: 'mine' });
        expect(await flowise.describeNatively(id)).to.include({ current_version: 1, etag: '1' });
      });
    }

    it('changes the component', async () => {
      const id = await flowise.create();
      const { body } = await flowise.call('PUT', path + id, { credentialName: 'cohereApi' });
      expect(objectOf(body)).to.include({ name: 'mine', credentialName: 'cohereApi' });
    });

    it('ignores an id in the body', async () => {
      const [id, other] = [await flowise.create(), await flowise.create({ name: 'other' })];
      const { body } = await flowise.call('PUT', path + id, { id: other, name: 'renamed' });
      expect(objectOf(body)).to.include({ id });
      expect(await flowise.describeNatively(other)).to.include({ name: 'other' });
    });

    it('changes a credential that is inactive', async () => {
      const id = await flowise.create();
      await flowise.coffer.native('POST', `/v1/workspaces/default/credentials/${id}:deactivate`, {});
      const { status } = await flowise.call('PUT', path + id, { plainDataObj: { openAIApiKey: 'sk-2' } });
      expect(status).to.equal(200);
    });

    it('answers 412 where both data members are sent and differ', async () => {
      const id = await flowise.create();
      const sent = { plainDataObj: { a: '1' }, credentialData: { a: '2' } };
      const { status, body } = await flowise.call('PUT', path + id, sent);
      const sentence = 'Error: credentialsController.updateCredential - credentialData and plainDataObj differ!';
      expect({ status, body }).to.deep.equal({ status: 412, body: failure(412, sentence) });
    });

    it('answers 412 without an id, whatever the body', async () => {
      for (const url of [path, '/api/v1/credentials']) {
        for (const sent of [undefined, '', {}, { id: unknownId, name: 'a' }]) {
          const { status, body } = await flowise.call('PUT', url, sent);
          expect({ status, body }).to.deep.equal(notProvided('updateCredential'));
        }
      }
    });

    for (const sent of [
      '{"plainDataObj": sk-a-secret',
      '{"plainDataObj": "sk-a-secret"}',
      '{"name": ["sk-a-secret"]}',
    ]) {
      it(`answers 400 to ${sent}, without showing the value`, async () => {
        const id = await flowise.create();
        const reply = await flowise.call('PUT', path + id, sent);
        expect(reply.body).to.include({ statusCode: 400, success: false });
        expect(reply.text).to.not.include('sk-a-secret');
      });
    }

    it('answers 413 where the merged data are above the limit', async () => {
      const id = await flowise.create({ plainDataObj: { a: 'a'.repeat(40_000) } });
      const { status, body } = await flowise.call('PUT', path + id, { plainDataObj: { b: 'b'.repeat(40_000) } });
      expect(status).to.equal(413);
      expect(body).to.include({ statusCode: 413 });
    });
  });

  describe('DELETE …/:id', () => {
    it('answers {"raw":[],"affected":1}, and affected:0 once it is absent', async () => {
      const id = await flowise.create();
      const replies = [await flowise.call('DELETE', path + id), await flowise.call('DELETE', path + id)];
      expect(replies.map(({ status, text }) => [status, text])).to.deep.equal([
        [200, '{"raw":[],"affected":1}'],
        [200, '{"raw":[],"affected":0}'],
      ]);
      expect((await flowise.call('GET', path + id)).status).to.equal(404);
    });

    it('answers 412 without an id', async () => {
      for (const url of [path, '/api/v1/credentials']) {
        const { status, body } = await flowise.call('DELETE', url);
        expect({ status, body }).to.deep.equal(notProvided('deleteCredentials'));
      }
    });
  });
});
