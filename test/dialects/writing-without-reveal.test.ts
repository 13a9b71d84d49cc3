import { expect } from 'chai';
import type { JsonObject } from '../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, parseObject, textOf } from '../support/json.ts';
import { restClient, type RestCall, type RestReply } from './call-rest.ts';
import { marker, secretWriters, type SecretWrite } from './secret-writers.ts';

const credentials = '/v1/workspaces/default/credentials';
const secretBytesMax = 1_024;

describe('a key that may write and not reveal', () => {
  let coffer: TestCoffer;
  let withReveal: (request: RestCall) => Promise<RestReply>;
  let withoutReveal: (request: RestCall) => Promise<RestReply>;

  before(async () => {
    coffer = await startCoffer({ environment: { COFFER_SECRET_BYTES_MAX: String(secretBytesMax) } });
    const send = restClient(coffer.origin);
    const [revealing, writing] = await Promise.all([
      coffer.issueKey({ role: 'EDITOR' }),
      coffer.issueKey({ role: 'EDITOR', withoutReveal: true }),
    ]);
    withReveal = (request) => send({ token: revealing, ...request });
    withoutReveal = (request) => send({ token: writing, ...request });
  });

  after(() => coffer.stop());

  async function create(secret: JsonObject): Promise<string> {
    const body = { credential: { name: 'again', provider: 'openAIApi' }, secret };
    return textOf(await coffer.native('POST', credentials, body), 'credential', 'id');
  }

  async function stateOf(id: string) {
    const credential = memberOf(await coffer.native('GET', `${credentials}/${id}`), 'credential');
    return { etag: textOf(credential, 'etag'), version: memberOf(credential, 'current_version') };
  }

  for (const [title, write] of Object.entries(secretWriters)) {
    it(`gets a new version and etag for a right guess as for a wrong one: ${title}`, async () => {
      const id = await create({ openAIApiKey: 'right' });
      const first = await stateOf(id);
      expect((await withoutReveal(write(id, { openAIApiKey: 'right' }))).status).to.equal(200);
      const second = await stateOf(id);
      expect((await withoutReveal(write(id, { openAIApiKey: 'wrong' }))).status).to.equal(200);
      const third = await stateOf(id);
      expect([first, second, third].map(({ version }) => version)).to.deep.equal([1, 2, 3]);
      expect(new Set([first, second, third].map(({ etag }) => etag)).size).to.equal(3);
    });

    it(`gets answers of one size for secrets of one field and any length: ${title}`, async () => {
      const answers = await Promise.all(
        [1, 100, 900].map(async (length) => {
          const id = await create({ openAIApiKey: 'x'.repeat(length) });
          const { status, text } = await withoutReveal(write(id, { openAIApiKey: maskOf(title) }));
          expect(status, text).to.equal(title.startsWith('flowise POST') ? 412 : 200);
          return text.length;
        }),
      );
      expect(new Set(answers).size).to.equal(1);
    });
  }

  it('gets an answer with encryptedData "" from each call that changes what is there, of Flowise', async () => {
    const put = secretWriters['flowise PUT'];
    const post = secretWriters['flowise POST with an id'];
    for (const write of [put, post, rename]) {
      const id = await create({ openAIApiKey: 'k' });
      const request = write?.(id, { openAIApiKey: 'new' }) ?? { path: '' };
      expect(textOf(parseObject((await withoutReveal(request)).text), 'encryptedData')).to.equal('');
      expect(textOf(parseObject((await withReveal(request)).text), 'encryptedData')).to.not.equal('');
    }
  });

  it('still gets the sealed bytes of what it creates', async () => {
    const body = { name: 'n', credentialName: 'openAIApi', plainDataObj: { openAIApiKey: 'k' } };
    const reply = await withoutReveal({ method: 'POST', path: '/flowise/api/v1/credentials/', body });
    expect(textOf(parseObject(reply.text), 'encryptedData')).to.not.equal('');
  });

  /** Writes that keep some of the present secret; each sends about so many bytes beside that. */
  const merges: Readonly<Record<string, (id: string, bytes: number) => RestCall>> = {
    'flowise PUT': (id, bytes) => must(secretWriters['flowise PUT'])(id, { more: 'y'.repeat(bytes) }),
    'flowise PUT with a marker': (id, bytes) =>
      must(secretWriters['flowise PUT'])(id, { a: marker, more: 'y'.repeat(bytes) }),
    'mielto PATCH with a mask': (id, bytes) =>
      must(secretWriters['mielto PATCH'])(id, { a: '***', b: '***', more: 'y'.repeat(bytes) }),
    'scale PATCH with a mask': (id, bytes) =>
      must(secretWriters['scale PATCH'])(id, { a: '***', b: '***', more: 'y'.repeat(bytes) }),
    'scale PATCH of a payload beside other fields': (id, bytes) =>
      must(secretWriters['scale PATCH'])(id, { payload: 'y'.repeat(bytes) }),
  };

  for (const [title, write] of Object.entries(merges)) {
    const fits = async (id: string, bytes: number) => (await withoutReveal(write(id, bytes))).status === 200;

    it(`meets one limit for all lengths that are padded to one step: ${title}`, async () => {
      const rest = title.includes('payload') ? { payload: 'p' } : { b: 'b' };
      const bare = JSON.stringify({ a: '', ...rest }).length;
      // With their terminator, 249 to 256 bytes of JSON are padded to one length.
      const [shortest = '', ...others] = await Promise.all(
        [248, 251, 255].map((bytes) => create({ a: 'x'.repeat(bytes - bare), ...rest })),
      );
      const most = await mostBytes(async () => create({ a: 'x'.repeat(248 - bare), ...rest }), fits);
      expect(await fits(shortest, most)).to.equal(true);
      for (const id of others) {
        expect(await fits(id, most + 1)).to.equal(false);
        expect(await fits(id, most)).to.equal(true);
      }
    });
  }

  it('may replace a long secret by another', async () => {
    for (const title of ['mielto PATCH', 'scale PATCH', 'flowise POST with an id']) {
      const id = await create({ openAIApiKey: 'x'.repeat(900) });
      const { status } = await withoutReveal(must(secretWriters[title])(id, { openAIApiKey: 'y'.repeat(900) }));
      expect(status, title).to.equal(200);
    }
  });

  it('is not what a key with reveal is: equal content adds no version for that', async () => {
    const id = await create({ openAIApiKey: 'same' });
    const before = await stateOf(id);
    for (const title of ['flowise PUT', 'mielto PATCH', 'scale PATCH']) {
      expect((await withReveal(must(secretWriters[title])(id, { openAIApiKey: 'same' }))).status).to.equal(200);
    }
    expect(await stateOf(id)).to.deep.equal(before);
  });
});

const rename: SecretWrite = (id) => ({
  method: 'PUT',
  path: `/flowise/api/v1/credentials/${id}`,
  body: { name: 'other' },
});

function maskOf(title: string): string {
  return title.startsWith('flowise') ? marker : '********';
}

function must(write: SecretWrite | undefined): SecretWrite {
  if (!write) throw new Error('no such dialect writes');
  return write;
}

/** The greatest number of bytes that fits, by halving: as an attacker would look for it. */
async function mostBytes(
  create: () => Promise<string>,
  fits: (id: string, bytes: number) => Promise<boolean>,
): Promise<number> {
  let [low, high] = [secretBytesMax / 2, secretBytesMax];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await fits(await create(), middle)) low = middle;
    else high = middle;
  }
  return low;
}
