import { expect } from 'chai';
import { join } from 'node:path';
import type { SQLInputValue } from 'node:sqlite';
import { n8n } from '../../../src/import/sources/n8n.ts';
import { changeCharacter, sealAsNewN8n, sealAsOldN8n, wrappingKeyOfN8n } from '../sealing.ts';
import { inputOf, keyText, n8nColumns, n8nRow, temporaryFolder, writeSqlite, writeText } from '../stores.ts';

const instanceKey = 'Qm9zdG9uIMOkIGtleSBvZiBuOG4';
const dataKey = '0123456789abcdef'.repeat(4);

type Rows = readonly Readonly<Record<string, SQLInputValue>>[];

function tablesOf(rows: Rows, more: { keys?: Rows; shares?: Rows } = {}) {
  return {
    credentials_entity: { columns: n8nColumns.credentials, rows },
    ...(more.keys && { deployment_key: { columns: n8nColumns.deploymentKeys, rows: more.keys } }),
    ...(more.shares && { shared_credentials: { columns: n8nColumns.shares, rows: more.shares } }),
  };
}

async function dataKeyRow(id: string, key: string, more: Readonly<Record<string, string>> = {}) {
  const value = await sealAsNewN8n(key, wrappingKeyOfN8n(instanceKey));
  return { id, type: 'data_encryption', value, algorithm: 'aes-256-gcm', status: 'active', ...more };
}

describe("n8n's store", () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  async function readStore(name: string, tables: ReturnType<typeof tablesOf>, key = instanceKey) {
    const database = writeSqlite(join(folder.path, name), tables);
    return n8n.read(inputOf({ database, ...keyText(key) }));
  }

  it('has rows of both formats side by side', async () => {
    const rows = [
      n8nRow('old', sealAsOldN8n({ apiKey: 'sk-old' }, instanceKey)),
      n8nRow('new', `dk_1:${await sealAsNewN8n('{"apiKey":"sk-new"}', dataKey)}`),
      n8nRow('oauth', sealAsOldN8n({ clientId: 'c', oauthTokenData: { access_token: 'a' } }, instanceKey)),
    ];
    const { entries, faults } = await readStore('both', tablesOf(rows, { keys: [await dataKeyRow('dk_1', dataKey)] }));
    expect(faults).to.deep.equal([]);
    expect(Object.fromEntries(entries.map(({ originalId, secret }) => [originalId, secret]))).to.deep.equal({
      old: { state: 'opened', fields: { apiKey: 'sk-old' } },
      new: { state: 'opened', fields: { apiKey: 'sk-new' } },
      oauth: { state: 'opened', fields: { clientId: 'c', oauthTokenData: { access_token: 'a' } } },
    });
    expect(entries.map(({ provider }) => provider)).to.deep.equal(['openAiApi', 'openAiApi', 'openAiApi']);
  });

  it('has data keys of the older cipher, too', async () => {
    const keys = [await dataKeyRow('legacy', instanceKey, { algorithm: 'aes-256-cbc' })];
    const rows = [n8nRow('one', `legacy:${sealAsOldN8n({ apiKey: 'sk-1' }, instanceKey)}`)];
    const { entries } = await readStore('legacy', tablesOf(rows, { keys }));
    expect(entries[0]?.secret).to.deep.equal({ state: 'opened', fields: { apiKey: 'sk-1' } });
  });

  it('opens nothing under a wrong key', async () => {
    const rows = [
      n8nRow('old', sealAsOldN8n({ apiKey: 'sk-old' }, instanceKey)),
      n8nRow('new', `dk_1:${await sealAsNewN8n('{"apiKey":"sk-new"}', dataKey)}`),
    ];
    const keys = [await dataKeyRow('dk_1', dataKey)];
    const { entries, faults } = await readStore('wrong', tablesOf(rows, { keys }), 'another key');
    expect(entries.map(({ secret }) => secret.state)).to.deep.equal(['wrong key', 'wrong key']);
    expect(faults.join()).to.match(/^wrong key/);
  });

  it('distinguishes a missing data key, a changed ciphertext, a managed credential and expressions', async () => {
    const sealed = await sealAsNewN8n('{"apiKey":"sk-new"}', dataKey);
    const rows = [
      n8nRow('a', sealAsOldN8n({ apiKey: 'sk-old' }, instanceKey)),
      n8nRow('b', `unknown:${sealed}`),
      n8nRow('c', `dk_1:${changeCharacter(sealed, -8)}`),
      n8nRow('d', `dk_1:${sealed.slice(0, 40)}`),
      n8nRow('e', sealAsOldN8n({ apiKey: 'sk-managed' }, instanceKey), { isManaged: 1 }),
      n8nRow('f', sealAsOldN8n({ apiKey: '={{ $secrets.vault.key }}' }, instanceKey)),
      n8nRow('g', sealAsOldN8n({ apiKey: '={{ $vars.key }}', url: 'https://example.com' }, instanceKey)),
    ];
    const { entries } = await readStore('mixed', tablesOf(rows, { keys: [await dataKeyRow('dk_1', dataKey)] }));
    expect(Object.fromEntries(entries.map(({ originalId, secret }) => [originalId, secret.state]))).to.deep.equal({
      a: 'opened',
      b: 'wrong key',
      c: 'damaged',
      d: 'damaged',
      e: 'reference',
      f: 'reference',
      g: 'opened',
    });
    const partly = entries.find(({ originalId }) => originalId === 'g');
    expect(partly?.secret).to.deep.equal({ state: 'opened', fields: { url: 'https://example.com' } });
    expect(partly?.note).to.match(/apiKey/);
  });

  it('has the projects that own its credentials', async () => {
    const rows = [n8nRow('one', sealAsOldN8n({ apiKey: 'sk-1' }, instanceKey))];
    const shares = [
      { credentialsId: 'one', projectId: 'user', role: 'credential:user' },
      { credentialsId: 'one', projectId: 'owner', role: 'credential:owner' },
    ];
    const { entries } = await readStore('shared', tablesOf(rows, { shares }));
    expect(entries[0]?.originalWorkspace).to.equal('owner');
  });

  it('is found with its key in the folder of its settings, or below that of a variable', async () => {
    const settings = join(folder.path, 'home', '.n8n');
    writeText(join(settings, 'config'), JSON.stringify({ encryptionKey: instanceKey }));
    const rows = [n8nRow('one', sealAsOldN8n({ apiKey: 'sk-1' }, instanceKey))];
    writeSqlite(join(settings, 'database.sqlite'), tablesOf(rows));
    const home = join(folder.path, 'home');
    const inputs = [
      { homeDirectory: home },
      { environment: { N8N_USER_FOLDER: home } },
      { dataDirectory: settings },
      { dataDirectory: settings, environment: { N8N_ENCRYPTION_KEY: instanceKey } },
      {
        dataDirectory: settings,
        environment: { N8N_ENCRYPTION_KEY_FILE: writeText(join(home, 'key'), `${instanceKey}\n`) },
      },
    ];
    for (const input of inputs) {
      const { entries } = await n8n.read(inputOf(input));
      expect(entries.map(({ secret }) => secret.state)).to.deep.equal(['opened']);
    }
  });
});
