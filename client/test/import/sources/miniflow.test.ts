import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { SQLInputValue } from 'node:sqlite';
import { refusalOf } from '../../../../test/support/refusals.ts';
import { ImportError } from '../../../src/import/reading/import-error.ts';
import { miniflow } from '../../../src/import/sources/miniflow.ts';
import { changeCharacter, sealAsFernet } from '../sealing.ts';
import { inputOf, keyText, miniflowColumns, miniflowRow, temporaryFolder, writeSqlite } from '../stores.ts';

const keyBytes = randomBytes(32);
const key = keyBytes.toString('base64url');

describe("MiniFlow's store", () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  function write(name: string, rows: readonly Readonly<Record<string, SQLInputValue>>[], table = 'credentials') {
    return writeSqlite(join(folder.path, name), { [table]: { columns: miniflowColumns, rows } });
  }

  it('is read with its types, descriptions, tags, states and times', async () => {
    const slack = { bot_token: 'xoxb-1', signing_secret: 's' };
    const rows = [
      miniflowRow('OpenAI', sealAsFernet({ api_key: 'sk-1' }, keyBytes), {
        description: 'for tests',
        tags: '["a","b"]',
        expires_at: '2030-01-02 03:04:05.000000',
      }),
      miniflowRow('Slack', sealAsFernet(slack, keyBytes), {
        credential_type: 'SLACK',
        credential_provider: 'SLACK',
        is_active: 0,
      }),
    ];
    const { entries, faults } = await miniflow.read(inputOf({ database: write('whole', rows), ...keyText(key) }));
    expect(faults).to.deep.equal([]);
    expect(entries.map(({ originalId: _id, ...entry }) => entry)).to.deep.equal([
      {
        name: 'OpenAI',
        provider: 'OPENAI',
        secret: { state: 'opened', fields: { api_key: 'sk-1' } },
        authType: 'api_key',
        tags: ['a', 'b'],
        isInactive: false,
        originalWorkspace: 'WSP-0123456789ABCDEF',
        description: 'for tests',
        expiresAt: new Date('2030-01-02T03:04:05Z'),
      },
      {
        name: 'Slack',
        provider: 'SLACK',
        secret: { state: 'opened', fields: slack },
        authType: 'slack',
        tags: [],
        isInactive: true,
        originalWorkspace: 'WSP-0123456789ABCDEF',
      },
    ]);
  });

  it('opens by a key in hex, and by the variable', async () => {
    const database = write('hex', [miniflowRow('one', sealAsFernet({ api_key: 'sk-1' }, keyBytes))]);
    for (const environment of [{ ENCRYPTION_KEY: keyBytes.toString('hex') }, { ENCRYPTION_KEY: key }]) {
      const { entries } = await miniflow.read(inputOf({ database, environment }));
      expect(entries.map(({ secret }) => secret.state)).to.deep.equal(['opened']);
    }
  });

  it('is found by the URL of SQLAlchemy, in a table of any name', async () => {
    const path = write('url', [miniflowRow('one', sealAsFernet({ api_key: 'sk-1' }, keyBytes))], 'renamed');
    const { entries } = await miniflow.read(inputOf({ database: `sqlite:///${path}`, ...keyText(key) }));
    expect(entries).to.have.length(1);
  });

  it('needs --table where several tables have its columns', async () => {
    const content = {
      columns: miniflowColumns,
      rows: [miniflowRow('one', sealAsFernet({ api_key: 'sk-1' }, keyBytes))],
    };
    const database = writeSqlite(join(folder.path, 'several'), { first: content, second: { ...content, rows: [] } });
    const input = inputOf({ database, ...keyText(key) });
    expect((await refusalOf(miniflow.read(input), ImportError)).message).to.match(/first, second with --table/);
    expect((await miniflow.read({ ...input, table: 'first' })).entries).to.have.length(1);
    expect((await refusalOf(miniflow.read({ ...input, table: 'third' }), ImportError)).isUsage).to.equal(true);
  });

  it('distinguishes rows, and never reads one that does not open as an empty object', async () => {
    const token = sealAsFernet({ api_key: 'sk-whole' }, keyBytes);
    const rows = [
      miniflowRow('whole', token),
      miniflowRow('changed', changeCharacter(token, -8)),
      miniflowRow('other key', sealAsFernet({ api_key: 'sk-other' }, randomBytes(32))),
      miniflowRow('cut', token.slice(0, 50)),
      miniflowRow('empty', sealAsFernet({}, keyBytes)),
      miniflowRow('plaintext', '', { credential_data: '{"api_key":"sk-plain"}' }),
    ];
    const { entries } = await miniflow.read(inputOf({ database: write('mixed', rows), ...keyText(key) }));
    expect(Object.fromEntries(entries.map(({ name, secret }) => [name, secret.state]))).to.deep.equal({
      whole: 'opened',
      changed: 'damaged',
      'other key': 'wrong key',
      cut: 'damaged',
      empty: 'empty',
      plaintext: 'opened',
    });
  });

  it('is refused without a key, with the reason why it may be lost', async () => {
    const database = write('lost', []);
    const refusal = await refusalOf(miniflow.read(inputOf({ database })), ImportError);
    expect(refusal.message).to.match(/ENCRYPTION_KEY.*random key in each process.*lost/);
    await refusalOf(miniflow.read(inputOf({ database, ...keyText('too short') })), ImportError);
  });
});
