import { expect } from 'chai';
import { join } from 'node:path';
import { refusalOf } from '../../../../test/support/refusals.ts';
import { ImportError } from '../../../src/import/reading/import-error.ts';
import type { SourceInput } from '../../../src/import/reading/source-input.ts';
import { dotenv } from '../../../src/import/sources/dotenv.ts';
import { json } from '../../../src/import/sources/json.ts';
import { inputOf, temporaryFolder, writeText } from '../stores.ts';

describe('a file', () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  async function entriesOf(
    source: typeof json,
    content: string | Uint8Array | object,
    more: Partial<SourceInput> = {},
  ) {
    const isText = typeof content === 'string' || content instanceof Uint8Array;
    const file = writeText(join(folder.path, 'app.json'), isText ? content : JSON.stringify(content));
    return (await source.read(inputOf({ file, ...more }))).entries;
  }

  async function fieldsOf(...parameters: Parameters<typeof entriesOf>) {
    const entries = await entriesOf(...parameters);
    return Object.fromEntries(
      entries.map(({ name, secret }) => [name, secret.state === 'opened' ? secret.fields : secret.state]),
    );
  }

  describe('.env', () => {
    it('has a credential for each variable, as Node parses them', async () => {
      const text = '# a comment\nexport A=1\nB="two\nlines"\nC=\'quoted # not a comment\'\nD=x # comment\nA=last\n';
      expect(await fieldsOf(dotenv, text)).to.deep.equal({
        A: { value: 'last' },
        B: { value: 'two\nlines' },
        C: { value: 'quoted # not a comment' },
        D: { value: 'x' },
      });
    });

    it('has references, empty values and quotes that are not closed, which are not opened', async () => {
      const text = 'A=encrypted:BAbc\nB=\nC=coffer://default/openai/api_key\nD=op://vault/item/field\nE="cut off\n';
      expect(await fieldsOf(dotenv, text)).to.deep.equal({
        A: 'reference',
        B: 'empty',
        C: 'reference',
        D: 'reference',
        E: 'damaged',
      });
    });

    it('becomes one credential under a given name', async () => {
      expect(await fieldsOf(dotenv, 'A=1\nB=2\nC=\n', { credentialName: 'app' })).to.deep.equal({
        app: { A: '1', B: '2' },
        C: 'empty',
      });
    });

    it('is read from the standard input, and in the encodings of Windows', async () => {
      const bytes = [Buffer.from('\uFEFFA=1\r\n'), Buffer.from('\uFEFFA=1\r\n', 'utf16le')];
      for (const content of bytes) {
        expect(await fieldsOf(dotenv, content)).to.deep.equal({ A: { value: '1' } });
        const input = inputOf({ file: '-', readStandardInput: async () => content });
        expect((await dotenv.read(input)).entries).to.have.length(1);
      }
    });

    it('is refused where it is binary, absent or not named', async () => {
      await refusalOf(entriesOf(dotenv, Uint8Array.of(0x41, 0x3d, 0xc3, 0x28)), ImportError);
      await refusalOf(dotenv.read(inputOf({ file: join(folder.path, 'absent') })), ImportError);
      expect((await refusalOf(dotenv.read(inputOf({})), ImportError)).isUsage).to.equal(true);
    });
  });

  describe('of JSON', () => {
    it('has values and fields', async () => {
      const content = {
        A: 'one',
        openai: { api_key: 'sk-1', org: 'o' },
        port: 5432,
        none: null,
        empty: '',
        list: ['a'],
      };
      expect(await fieldsOf(json, content)).to.deep.equal({
        A: { value: 'one' },
        openai: { api_key: 'sk-1', org: 'o' },
        port: { value: 5432 },
        none: 'empty',
        empty: 'empty',
        list: { value: ['a'] },
      });
    });

    it('of Infisical has paths, comments and equal names in several folders', async () => {
      const content = [
        { key: 'A', value: '1', type: 'shared', secretPath: '/', comment: 'first', tags: null },
        { key: 'A', value: '2', type: 'shared', secretPath: '/app', comment: '' },
        { key: 'B', value: '', type: 'personal' },
      ];
      const entries = await entriesOf(json, content);
      expect(entries.map(({ originalId, description }) => ({ originalId, description }))).to.deep.equal([
        { originalId: '/A', description: 'first' },
        { originalId: '/app/A', description: undefined },
        { originalId: '/B', description: undefined },
      ]);
      expect(entries.map(({ secret }) => secret.state)).to.deep.equal(['opened', 'opened', 'empty']);
    });

    it('of Doppler leaves out what describes the configuration', async () => {
      const names = { DOPPLER_PROJECT: 'p', DOPPLER_ENVIRONMENT: 'e', DOPPLER_CONFIG: 'c' };
      expect(await fieldsOf(json, { A: '1', ...names })).to.deep.equal({ A: { value: '1' } });
    });

    it('of vault kv get has the fields of either version, under the name of the file or a given one', async () => {
      const envelope = { request_id: 'r', lease_id: '', lease_duration: 0, renewable: false, warnings: null };
      const second = { ...envelope, data: { data: { user: 'u', password: 'p' }, metadata: { version: 3 } } };
      const first = { ...envelope, data: { user: 'u', password: 'p' } };
      expect(await fieldsOf(json, second)).to.deep.equal({ app: { user: 'u', password: 'p' } });
      expect(await fieldsOf(json, first, { credentialName: 'db' })).to.deep.equal({ db: { user: 'u', password: 'p' } });
      const deleted = {
        ...envelope,
        data: { data: null, metadata: { version: 3, deletion_time: '2024-01-01T00:00:00Z' } },
      };
      expect(await fieldsOf(json, deleted)).to.deep.equal({ app: 'empty' });
      const bytes = Buffer.from(JSON.stringify(first));
      const standardInput = inputOf({ file: '-', readStandardInput: async () => bytes });
      expect((await refusalOf(json.read(standardInput), ImportError)).isUsage).to.equal(true);
    });

    it('of Bitwarden Secrets Manager has ids, notes and projects', async () => {
      const content = {
        projects: [{ id: 'p-1', name: 'web' }],
        secrets: [{ key: 'A', value: '1', note: 'n', id: 's-1', projectIds: ['p-1'] }],
      };
      expect(await entriesOf(json, content)).to.deep.equal([
        {
          originalId: 's-1',
          name: 'A',
          provider: 'custom',
          secret: { state: 'opened', fields: { value: '1' } },
          description: 'n',
          tags: ['web'],
          originalWorkspace: 'p-1',
        },
      ]);
    });

    it('is refused where it was cut off, or has no secrets', async () => {
      for (const content of ['{"A":"1', '', '"text"', '5', '[1]', '[{"name":"A"}]']) {
        const refusal = await refusalOf(entriesOf(json, content), ImportError);
        expect(refusal.message).to.not.include('"1');
      }
    });
  });
});
