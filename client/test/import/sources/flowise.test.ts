import { expect } from 'chai';
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ImportError } from '../../../src/import/reading/import-error.ts';
import { flowise } from '../../../src/import/sources/flowise.ts';
import { refusalOf } from '../../../../test/support/refusals.ts';
import { changeCharacter, sealAsFlowise } from '../sealing.ts';
import {
  fillTable,
  flowiseColumns,
  flowiseKey,
  flowiseRow,
  inputOf,
  keyText,
  temporaryFolder,
  writeFlowise,
  writeSqlite,
  writeText,
} from '../stores.ts';

const manyValues = Array.from({ length: 300 }, (_, index) => `sk-${index}-${'x'.repeat(200)}`);

async function statesOf(database: string, key = flowiseKey) {
  const { entries, faults } = await flowise.read(inputOf({ database, ...keyText(key) }));
  return { states: entries.map(({ secret }) => secret.state), faults };
}

describe("Flowise's store", () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  it('is read with ids, names, components and secrets', async () => {
    const database = writeFlowise(join(folder.path, 'whole'), ['sk-1', 'sk-2']);
    const { entries, faults } = await flowise.read(inputOf({ database, ...keyText(flowiseKey) }));
    expect(faults).to.deep.equal([]);
    expect(entries.map(({ name, provider, secret }) => ({ name, provider, secret }))).to.deep.equal([
      { name: 'Flowise 1', provider: 'openAIApi', secret: { state: 'opened', fields: { openAIApiKey: 'sk-1' } } },
      { name: 'Flowise 2', provider: 'openAIApi', secret: { state: 'opened', fields: { openAIApiKey: 'sk-2' } } },
    ]);
    for (const { originalId } of entries) expect(originalId).to.match(/^[0-9a-f-]{36}$/);
  });

  it('opens under a key with white space at its ends as well as without', async () => {
    const withSpace = writeFlowise(join(folder.path, 'space'), ['sk-1'], 'key of a file\n');
    expect((await statesOf(withSpace, 'key of a file\n')).states).to.deep.equal(['opened']);
    const without = writeFlowise(join(folder.path, 'no-space'), ['sk-1'], 'key of a file');
    expect((await statesOf(without, ' key of a file \n')).states).to.deep.equal(['opened']);
  });

  it('is found in the folder of its variables or in the home folder, with its key', async () => {
    const home = join(folder.path, 'home');
    writeFlowise(join(home, '.flowise'), ['sk-home']);
    writeText(join(home, '.flowise', 'encryption.key'), flowiseKey);
    const elsewhere = join(folder.path, 'elsewhere');
    writeFlowise(elsewhere, ['sk-elsewhere'], 'another key');
    const environments: readonly [Record<string, string>, string][] = [
      [{}, 'sk-home'],
      [{ DATABASE_PATH: elsewhere, FLOWISE_SECRETKEY_OVERWRITE: 'another key' }, 'sk-elsewhere'],
      [{ DATABASE_PATH: join(home, '.flowise'), SECRETKEY_PATH: elsewhere }, 'sk-home'],
    ];
    for (const [environment, value] of environments) {
      const { entries } = await flowise.read(inputOf({ homeDirectory: home, environment }));
      expect(entries.map(({ secret }) => secret)).to.deep.equal([{ state: 'opened', fields: { openAIApiKey: value } }]);
    }
  });

  it('opens nothing under a wrong key, and reports that of the whole store', async () => {
    const database = writeFlowise(join(folder.path, 'wrong'), ['sk-1', 'sk-2']);
    const { states, faults } = await statesOf(database, 'not the key');
    expect(states).to.deep.equal(['wrong key', 'wrong key']);
    expect(faults.join()).to.match(/^wrong key/);
  });

  it('distinguishes what was opened, damaged, sealed under another key, kept elsewhere and empty', async () => {
    const whole = sealAsFlowise({ openAIApiKey: 'sk-whole-0123456789abcdef' }, flowiseKey);
    const sealed = [
      whole,
      changeCharacter(whole, 70),
      whole.slice(0, 50),
      sealAsFlowise({ openAIApiKey: 'sk-old' }, 'the key before'),
      'FlowiseCredential_0123456789abcdef01234567',
      sealAsFlowise({}, flowiseKey),
      sealAsFlowise({ openAIApiKey: '_FLOWISE_BLANK_07167752-1a71-43b1-bf8f-4f32252165db' }, flowiseKey),
    ];
    const rows = sealed.map((data, index) => flowiseRow(`row ${index}`, data));
    const database = writeSqlite(join(folder.path, 'mixed.sqlite'), { credential: { columns: flowiseColumns, rows } });
    expect(await statesOf(database)).to.deep.equal({
      states: ['opened', 'damaged', 'damaged', 'wrong key', 'reference', 'empty', 'damaged'],
      faults: [],
    });
  });

  it('is read with what a running Flowise has not yet moved from its write-ahead log, and stays as it is', async () => {
    const database = join(folder.path, 'running.sqlite');
    const running = new DatabaseSync(database);
    running.exec('pragma journal_mode = wal; pragma wal_autocheckpoint = 0');
    const rows = [flowiseRow('in the log', sealAsFlowise({ openAIApiKey: 'sk-log' }, flowiseKey))];
    fillTable(running, 'credential', { columns: flowiseColumns, rows });
    const files = ['', '-wal', '-shm'].map((suffix) => database + suffix);
    const before = files.map((file) => readFileSync(file).toString('base64'));
    expect((await statesOf(database)).states).to.deep.equal(['opened']);
    expect(files.map((file) => readFileSync(file).toString('base64'))).to.deep.equal(before);
    running.close();
  });

  it('is read as it was before a transaction that was not finished', async () => {
    const database = writeFlowise(join(folder.path, 'unfinished'), ['sk-committed']);
    const running = new DatabaseSync(database);
    running.exec('pragma journal_mode = delete; pragma cache_size = 1; begin');
    const insert = running.prepare(
      'insert into credential ("id", "name", "credentialName", "encryptedData") values (?, ?, ?, ?)',
    );
    for (let index = 0; index < 500; index++) insert.run(`id ${index}`, 'name', 'openAIApi', 'x'.repeat(500));
    expect(existsSync(`${database}-journal`)).to.equal(true);
    expect(await statesOf(database)).to.deep.equal({ states: ['opened'], faults: [] });
    running.exec('rollback');
    running.close();
  });

  it('is refused where its file was cut off', async () => {
    const database = writeFlowise(join(folder.path, 'cut'), manyValues);
    truncateSync(database, Math.floor(statSync(database).size / 2));
    expect((await refusalOf(statesOf(database), ImportError)).message).to.match(/no whole sqlite database/);
  });

  it('is read up to the first page that is damaged, which is reported', async () => {
    const database = writeFlowise(join(folder.path, 'page'), manyValues);
    const bytes = readFileSync(database);
    bytes.fill(0, Math.floor(bytes.length / 8192) * 4096, Math.floor(bytes.length / 8192) * 4096 + 4096);
    writeFileSync(database, bytes);
    const { states, faults } = await statesOf(database);
    expect(states.length).to.be.greaterThan(0).and.lessThan(manyValues.length);
    expect(new Set(states)).to.deep.equal(new Set(['opened']));
    expect(faults.join()).to.match(/database is damaged/);
  });

  it('is refused where its file is none of sqlite, has no such table, or is absent', async () => {
    const text = writeText(
      join(folder.path, 'text.sqlite'),
      'no database, and longer than a header of one hundred bytes. '.repeat(4),
    );
    const other = writeSqlite(join(folder.path, 'other.sqlite'), { users: { columns: 'id text', rows: [] } });
    expect((await refusalOf(statesOf(text), ImportError)).message).to.match(/no whole sqlite database/);
    expect((await refusalOf(statesOf(other), ImportError)).message).to.match(
      /no table with the columns id, name, credentialName/,
    );
    expect((await refusalOf(statesOf(join(folder.path, 'absent')), ImportError)).message).to.match(/does not exist/);
  });
});
