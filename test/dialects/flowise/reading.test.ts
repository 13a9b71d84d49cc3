import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import {
  blankMarker,
  entities,
  members,
  namesIn,
  objectOf,
  path,
  startFlowise,
  textMember,
  type FlowiseTest,
} from './flowise-test.ts';

const millisecondsInUtc = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('flowise: reading', () => {
  let flowise: FlowiseTest;

  before(async () => {
    flowise = await startFlowise();
  });
  after(() => flowise.coffer.stop());

  async function deactivate(id: string): Promise<void> {
    await flowise.coffer.native('POST', `/v1/workspaces/default/credentials/${id}:deactivate`, {});
  }

  /** What the trail tells of a credential. */
  async function trailOf(id: string): Promise<string[]> {
    const client = new Client(flowise.coffer.database.url);
    await client.connect();
    try {
      const { rows } = await client.query<{ line: string }>(
        "select action || ' ' || outcome as line from audit_event where resource_id = $1 order by id",
        [id],
      );
      return rows.map(({ line }) => line);
    } finally {
      await client.end();
    }
  }

  describe('GET …/', () => {
    it('answers a bare array of entities without encryptedData, in the order of creation', async () => {
      const own = await flowise.keyOfNewWorkspace();
      expect((await flowise.call('GET', path, undefined, own)).body).to.deep.equal([]);
      const stored = { credentialName: 'openAIApi', plainDataObj: { openAIApiKey: 'sk-1' } };
      for (const name of ['c', 'a', 'b']) await flowise.call('POST', path, { ...stored, name }, own);
      // The order of creation is not that of ids, which a caller may choose.
      await flowise.call('POST', path, { ...stored, name: 'd', id: '00000000-0000-4000-8000-000000000000' }, own);
      const { status, body } = await flowise.call('GET', path, undefined, own);
      expect(status).to.equal(200);
      expect(namesIn(body)).to.deep.equal(['c', 'a', 'b', 'd']);
      for (const entity of entities(body)) {
        expect(Object.keys(entity)).to.deep.equal(members);
        expect(entity['createdDate']).to.match(millisecondsInUtc);
      }
    });

    it('leaves out what has been deleted', async () => {
      const own = await flowise.keyOfNewWorkspace();
      const stored = { name: 'gone', credentialName: 'a', plainDataObj: { key: '1' } };
      const id = textMember(await flowise.call('POST', path, stored, own), 'id');
      await flowise.call('DELETE', path + id, undefined, own);
      expect((await flowise.call('GET', path, undefined, own)).body).to.deep.equal([]);
    });

    describe('?credentialName=', () => {
      let own: string;

      before(async () => {
        own = await flowise.keyOfNewWorkspace();
        for (const credentialName of ['openAIApi', 'cohereApi', 'somethingElse']) {
          await flowise.call('POST', path, { name: credentialName, credentialName, plainDataObj: { key: '1' } }, own);
        }
        for (const [service, name] of [
          ['openai', 'fishnet openai'],
          ['custom.crm', 'fishnet crm'],
        ]) {
          await flowise.call('POST', '/api/credentials', { service, name, key: 'sk-1' }, own);
        }
      });

      const rows: readonly [query: string, names: readonly string[]][] = [
        ['?credentialName=cohereApi', ['cohereApi']],
        ['?credentialName=somethingElse&credentialName=cohereApi', ['cohereApi', 'somethingElse']],
        ['?credentialName[]=somethingElse&credentialName[]=cohereApi', ['cohereApi', 'somethingElse']],
        ['?credentialName%5B%5D=cohereApi', ['cohereApi']],
        ['?credentialName=openAIApi', ['openAIApi', 'fishnet openai']],
        ['?credentialName=openai', ['fishnet openai']],
        ['?credentialName=CohereApi', []],
        ['?credentialName=unheardOf', []],
        ['?credentialName=', ['openAIApi', 'cohereApi', 'somethingElse', 'fishnet openai', 'fishnet crm']],
      ];
      for (const [query, names] of rows) {
        it(`${query} lists ${names.join(', ') || 'nothing'}`, async () => {
          expect(namesIn((await flowise.call('GET', path + query, undefined, own)).body)).to.deep.equal(names);
        });
      }
    });
  });

  describe('GET …/:id', () => {
    it('answers the entity without encryptedData, with plainDataObj, every value replaced by the marker', async () => {
      const plainDataObj = { openAIApiKey: 'sk-1', baseUrl: 'https://a.example', deep: { key: 'sk-1' }, no: null };
      const id = await flowise.create({ plainDataObj });
      const { status, body, text } = await flowise.call('GET', path + id);
      expect(status).to.equal(200);
      expect(Object.keys(objectOf(body))).to.deep.equal([...members, 'plainDataObj']);
      const blank = Object.fromEntries(Object.keys(plainDataObj).map((key) => [key, blankMarker]));
      expect(objectOf(body)['plainDataObj']).to.deep.equal(blank);
      expect(text).to.not.include('sk-1');
    });

    const plain: readonly [string, object, object][] = [
      [
        'azureOpenAIApi',
        { azureOpenAIApiKey: 'sk-1', azureOpenAIApiDeploymentName: 'gpt', azureOpenAIApiVersion: '2024' },
        { azureOpenAIApiKey: blankMarker, azureOpenAIApiDeploymentName: 'gpt', azureOpenAIApiVersion: '2024' },
      ],
      ['PostgresApi', { user: 'me', password: 'sk-1' }, { user: 'me', password: blankMarker }],
      ['postgres', { user: 'me', password: 'sk-1' }, { user: 'me', password: blankMarker }],
      ['httpApiKey', { key: 'X-Key', value: 'sk-1' }, { key: 'X-Key', value: blankMarker }],
      ['custom', { key: 'X-Key', value: 'sk-1' }, { key: blankMarker, value: blankMarker }],
      ['unheardOf', { user: 'me', password: 'sk-1' }, { user: blankMarker, password: blankMarker }],
      [
        'openAIApi',
        { openAIApiKey: 'sk-1', undeclared: 'sk-1' },
        { openAIApiKey: blankMarker, undeclared: blankMarker },
      ],
      ['redisCacheUrlApi', { redisUrl: 'redis://a.example' }, { redisUrl: 'redis://a.example' }],
      ['redisCacheUrlApi', { redisUrl: 'redis://:sk-1@a.example' }, { redisUrl: blankMarker }],
    ];
    for (const [credentialName, plainDataObj, shown] of plain) {
      it(`shows what ${credentialName} does not declare as a password, and masks the rest`, async () => {
        const id = await flowise.create({ credentialName, plainDataObj });
        const { body, text } = await flowise.call('GET', path + id);
        expect(objectOf(body)['plainDataObj']).to.deep.equal(shown);
        expect(text).to.not.include('sk-1');
      });
    }

    it('stays as it is where what is shown is sent back', async () => {
      const plainDataObj = { user: 'me', password: 'sk-1' };
      const id = await flowise.create({ credentialName: 'PostgresApi', plainDataObj });
      const { body } = await flowise.call('GET', path + id);
      const { plainDataObj: shown } = objectOf(body);
      await flowise.call('PUT', path + id, { name: 'n', credentialName: 'PostgresApi', plainDataObj: shown });
      expect(await flowise.secretOf(id)).to.deep.equal(plainDataObj);
      expect(await flowise.describeNatively(id)).to.include({ current_version: 1 });
    });

    it('masks all values for those who may not reveal, who could make any component the one that declares them', async () => {
      const id = await flowise.create({ credentialName: 'unheardOf', plainDataObj: { user: 'sk-1' } });
      const { coffer } = flowise;
      const writer = await coffer.issueKey({ role: 'EDITOR', withoutReveal: true, dialect: 'flowise' });
      const viewer = await coffer.issueKey({ role: 'VIEWER', dialect: 'flowise' });
      await flowise.call('PUT', path + id, { credentialName: 'PostgresApi' }, writer);
      for (const as of [writer, viewer]) {
        const { body } = await flowise.call('GET', path + id, undefined, as);
        expect(objectOf(body)['plainDataObj']).to.deep.equal({ user: blankMarker });
      }
    });

    it('masks what another dialect stores as its secret, whatever the component calls so', async () => {
      const fish = { service: 'httpApiKey', name: 'n', key: 'sk-1' };
      const id = textMember(await flowise.call('POST', '/fishnet/api/credentials', fish), 'id');
      const { body } = await flowise.call('GET', path + id);
      expect(objectOf(body)['plainDataObj']).to.deep.equal({ key: blankMarker });
    });

    it('is shown to callers who read metadata, also when it cannot be revealed', async () => {
      const id = await flowise.create();
      await deactivate(id);
      const viewer = await flowise.coffer.issueKey({ role: 'VIEWER', dialect: 'flowise' });
      expect((await flowise.call('GET', path + id, undefined, viewer)).status).to.equal(200);
    });

    it('records in the trail that the secret was opened for it, and counts no use', async () => {
      const id = await flowise.create();
      await flowise.call('GET', path + id);
      expect(await trailOf(id)).to.deep.equal(['credentials.create OK', 'secrets.describe OK']);
      expect(await flowise.describeNatively(id)).to.not.have.property('last_used_at');
    });

    it('shows the credentials of other dialects', async () => {
      const foreign = { type: 'key', name: randomUUID(), payload: 'sk-1' };
      const id = textMember(await flowise.call('POST', '/v5/credentials', foreign), 'id');
      const { status, body } = await flowise.call('GET', path + id);
      expect(status).to.equal(200);
      expect(objectOf(body)).to.deep.include({ id, name: foreign.name, plainDataObj: { payload: blankMarker } });
    });
  });

  describe('GET …/:id/reveal', () => {
    it('answers plainDataObj, values replaced by the marker except those whose key names a URL', async () => {
      const addresses = { baseUrl: 'https://a.example', PROXY_URL: 'https://b.example' };
      const id = await flowise.create({ plainDataObj: { openAIApiKey: 'sk-1', urlToken: 't', ...addresses } });
      const { status, body } = await flowise.call('GET', `${path}${id}/reveal`);
      expect(status).to.equal(200);
      expect(body).to.deep.equal({
        plainDataObj: { openAIApiKey: blankMarker, urlToken: blankMarker, ...addresses },
      });
    });

    it('goes by the catalogue for the fields that it knows', async () => {
      const langFuseEndpoint = 'https://a.example';
      const id = await flowise.create({
        credentialName: 'langfuseApi',
        plainDataObj: { langFuseSecretKey: 's', langFuseEndpoint },
      });
      expect((await flowise.call('GET', `${path}${id}/reveal`)).body).to.deep.equal({
        plainDataObj: { langFuseSecretKey: blankMarker, langFuseEndpoint },
      });
    });

    it('is in the trail as a reveal', async () => {
      const id = await flowise.create();
      await flowise.call('GET', `${path}${id}/reveal`);
      expect(await trailOf(id)).to.deep.equal(['credentials.create OK', 'secrets.reveal OK']);
    });

    it('answers 403 {"message":"Forbidden"} to a key without the right to reveal', async () => {
      const id = await flowise.create();
      const { coffer } = flowise;
      for (const as of [
        await coffer.issueKey({ role: 'EDITOR', withoutReveal: true, dialect: 'flowise' }),
        await coffer.issueKey({ role: 'VIEWER', dialect: 'flowise' }),
      ]) {
        const { status, body } = await flowise.call('GET', `${path}${id}/reveal`, undefined, as);
        expect({ status, body }).to.deep.equal({ status: 403, body: { message: 'Forbidden' } });
      }
    });

    it('answers 412 for a credential that is not active', async () => {
      const id = await flowise.create();
      await deactivate(id);
      expect((await flowise.call('GET', `${path}${id}/reveal`)).body).to.include({ statusCode: 412 });
    });
  });
});
