import { expect } from 'chai';
import { join } from 'node:path';
import { refusalOf } from '../../../../test/support/refusals.ts';
import { ImportError } from '../../../src/import/reading/import-error.ts';
import { fishnet } from '../../../src/import/sources/fishnet.ts';
import {
  fishnetColumns,
  fishnetKey,
  fishnetMeta,
  fishnetPassword,
  fishnetRow,
  inputOf,
  keyText,
  temporaryFolder,
  writeFishnet,
  writeSqlite,
} from '../stores.ts';

const derivedKey = `derived_hex:v1:${fishnetKey.toString('hex')}`;

describe("Fishnet's vault", () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  it('opens by the master password, whose key another implementation derives alike', async () => {
    await writeFishnet(join(folder.path, 'password'), ['sk-ant-1']);
    const input = inputOf({ dataDirectory: join(folder.path, 'password'), ...keyText(`${fishnetPassword}\n`) });
    const { entries } = await fishnet.read(input);
    expect(entries.map(({ name, provider, secret }) => ({ name, provider, secret }))).to.deep.equal([
      { name: 'Fishnet 1', provider: 'openai', secret: { state: 'opened', fields: { key: 'sk-ant-1' } } },
    ]);
  });

  it('opens by the key that a keychain has', async () => {
    const database = await writeFishnet(join(folder.path, 'keychain'), ['sk-1', 'sk-2']);
    const { entries } = await fishnet.read(inputOf({ database, ...keyText(derivedKey) }));
    expect(entries.map(({ secret }) => secret.state)).to.deep.equal(['opened', 'opened']);
  });

  it('is found by its variables', async () => {
    const place = join(folder.path, 'variables');
    await writeFishnet(place, ['sk-1']);
    const environment = { FISHNET_DATA_DIR: place, FISHNET_MASTER_PASSWORD: derivedKey };
    expect((await fishnet.read(inputOf({ environment }))).entries).to.have.length(1);
  });

  it('is refused as a whole under a wrong password or key, by its canary', async () => {
    const database = await writeFishnet(join(folder.path, 'wrong'), ['sk-1']);
    for (const key of ['another password', `derived_hex:v1:${'00'.repeat(32)}`]) {
      const refusal = await refusalOf(fishnet.read(inputOf({ database, ...keyText(key) })), ImportError);
      expect(refusal.message)
        .to.match(/^wrong key/)
        .and.not.include(key);
    }
  });

  it('is refused without a canary or with a key of another length', async () => {
    const tables = {
      credentials: { columns: fishnetColumns.credentials, rows: [] },
      vault_meta: { columns: fishnetColumns.meta, rows: (await fishnetMeta()).slice(0, 1) },
    };
    const incomplete = writeSqlite(join(folder.path, 'incomplete.db'), tables);
    const whole = await writeFishnet(join(folder.path, 'short-key'), []);
    const attempts = [
      inputOf({ database: incomplete, ...keyText(derivedKey) }),
      inputOf({ database: whole, ...keyText('derived_hex:v1:00') }),
    ];
    for (const attempt of attempts) await refusalOf(fishnet.read(attempt), ImportError);
  });

  it('lists a damaged row, and opens the others', async () => {
    const row = await fishnetRow('changed', 'sk-changed');
    const rows = [
      await fishnetRow('whole', 'sk-whole'),
      { ...row, encrypted_key: row.encrypted_key.with(20, (row.encrypted_key[20] ?? 0) ^ 1) },
      { ...(await fishnetRow('cut', 'sk-cut')), encrypted_key: row.encrypted_key.slice(0, 10) },
      { ...(await fishnetRow('nonce', 'sk-nonce')), nonce: new Uint8Array(12) },
      await fishnetRow('blank', ' '),
    ];
    const database = writeSqlite(join(folder.path, 'damaged.db'), {
      credentials: { columns: fishnetColumns.credentials, rows },
      vault_meta: { columns: fishnetColumns.meta, rows: await fishnetMeta() },
    });
    const { entries } = await fishnet.read(inputOf({ database, ...keyText(derivedKey) }));
    expect(Object.fromEntries(entries.map(({ name, secret }) => [name, secret.state]))).to.deep.equal({
      whole: 'opened',
      changed: 'damaged',
      cut: 'damaged',
      nonce: 'damaged',
      blank: 'empty',
    });
  });
});
