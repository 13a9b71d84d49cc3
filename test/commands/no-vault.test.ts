import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Environment } from '../../src/config/config.ts';
import { runCoffer, startCofferProcess } from '../support/coffer-process.ts';
import { sharedPostgres } from '../support/postgres.ts';

const commands = [
  ['admin-key', '--print'],
  ['admin-key', '--out', 'new.key'],
  ['audit-export'],
  ['audit-prune', '--before', '2020-01-01'],
  ['audit-verify'],
  ['audit-acknowledge-loss'],
];
const masterKey = randomBytes(32).toString('base64');
const token = (): string => `cof_${randomBytes(32).toString('base64url')}`;

describe('a command that works on a vault', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-no-vault-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('makes no vault in a folder that has none, and explains where to run it instead', async () => {
    for (const parameters of commands) {
      for (const dataDir of [folder, join(folder, 'absent')]) {
        const { exitCode, output } = await runCoffer(parameters, { COFFER_DATA_DIR: dataDir });
        expect(output, parameters.join(' ')).to.equal(
          `coffer: ${dataDir} holds no vault: give the command the server's COFFER_DATA_DIR or COFFER_DATABASE_URL, ` +
            'or run it in the folder of the server\n',
        );
        expect(exitCode).to.equal(1);
      }
      expect(await readdir(folder)).to.deep.equal([]);
    }
  });

  it('makes no tables and no key in an empty database', async () => {
    const { connection, url } = await (await sharedPostgres()).createDatabase();
    for (const parameters of commands) {
      const { exitCode, output } = await runCoffer(parameters, externally(url, folder));
      expect(output, parameters.join(' ')).to.match(/^coffer: the database \S+ holds no vault: /);
      expect(exitCode).to.equal(1);
    }
    const client = new Client(connection);
    await client.connect();
    const { rows } = await client.query(`select relname from pg_class where relnamespace = 'public'::regnamespace`);
    await client.end();
    expect(rows).to.deep.equal([]);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('leaves a schema of an older release to a server', async () => {
    const { connection, url } = await (await sharedPostgres()).createDatabase();
    const environment = externally(url, folder);
    await (await startCofferProcess(folder, { ...environment, COFFER_ADMIN_API_KEY: token() })).stop();
    const client = new Client(connection);
    await client.connect();
    await client.query(`delete from schema_migration where name = (select max(name) from schema_migration)`);
    const { exitCode, output } = await runCoffer(['admin-key', '--print'], environment);
    await client.end();
    expect(output).to.match(/^coffer: the database belongs to an older Coffer: start a server of this release/);
    expect(exitCode).to.equal(1);
  });
});

describe('coffer admin-key beside an external database', () => {
  let folder: string;
  let environment: Environment;
  let origin: string;
  let stop: () => Promise<unknown>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-external-'));
    const { url } = await (await sharedPostgres()).createDatabase();
    environment = externally(url, folder);
    const coffer = await startCofferProcess(folder, { ...environment, COFFER_ADMIN_API_KEY: token() });
    ({ origin } = coffer);
    stop = () => coffer.stop();
    // Of another vault, whose server was once run here.
    await writeFile(join(folder, 'admin.key'), 'cof_of-another-instance\n', { mode: 0o600 });
  });

  after(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });

  const statusOf = async (key: string): Promise<number> =>
    (await fetch(`${origin}/v1/whoami`, { headers: { authorization: `Bearer ${key}` } })).status;

  it('requires to know where the key goes, and does not touch the file of another vault', async () => {
    const refused = await runCoffer(['admin-key'], environment);
    expect(refused.exitCode).to.equal(2);
    expect(refused.output).to.match(/^coffer: with COFFER_DATABASE_URL, --out FILE or --print is needed\n/);
    const taken = await runCoffer(['admin-key', '--out', join(folder, 'admin.key')], environment);
    expect(taken.output).to.equal(`coffer: ${join(folder, 'admin.key')} exists, and is not replaced\n`);
    expect(await readFile(join(folder, 'admin.key'), 'utf8')).to.equal('cof_of-another-instance\n');
  });

  it('writes the key into a new file for its owner only, or prints it apart from all else, naming the instance', async () => {
    const file = join(folder, 'replaced.key');
    const written = await runCoffer(['admin-key', '--out', file], environment);
    expect(written.output).to.match(
      /^the new admin API key of instance [0-9a-f-]{36} is in \S+\/replaced\.key; the old one is revoked\n$/,
    );
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    const first = (await readFile(file, 'utf8')).trim();
    expect(await statusOf(first)).to.equal(200);
    const printed = await runCoffer(['admin-key', '--print'], environment);
    const [, second = ''] = /^(cof_\S+)$/m.exec(printed.output) ?? [];
    expect(printed.output.replace(second, '')).to.match(
      /^\ncoffer: the new admin API key of instance [0-9a-f-]{36} is printed; the old one is revoked\n$/,
    );
    expect(await Promise.all([statusOf(first), statusOf(second)])).to.deep.equal([401, 200]);
  });

  it('is printed by a start where its file is in the data directory, and a file of another vault is not', async () => {
    const beside = join(folder, 'beside');
    await mkdir(beside);
    await runCoffer(['admin-key', '--out', join(beside, 'admin.key')], environment);
    const coffer = await startCofferProcess(beside, {
      ...environment,
      COFFER_DATA_DIR: beside,
      COFFER_ADMIN_API_KEY: token(),
    });
    await coffer.stop();
    expect(coffer.output()).to.include(`the admin API key is in ${join(beside, 'admin.key')}\n`);
  });

  it('warns at the start of a COFFER_ADMIN_API_KEY that has no effect, and not of one that is in force', async () => {
    const { output } = await runCoffer(['admin-key', '--print'], environment);
    const [, inForce = ''] = /^(cof_\S+)$/m.exec(output) ?? [];
    for (const [key, warns] of [
      [inForce, false],
      [token(), true],
    ] as const) {
      const coffer = await startCofferProcess(folder, { ...environment, COFFER_ADMIN_API_KEY: key });
      await coffer.stop();
      expect(coffer.output().includes('COFFER_ADMIN_API_KEY is not a valid key of an owner')).to.equal(warns);
      expect(coffer.output()).not.to.include(key).and.not.to.include('the admin API key is in');
    }
  });
});

describe('coffer admin-key --new', () => {
  it('makes a key for the setting without any configuration or vault', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coffer-new-key-'));
    const file = join(folder, 'key');
    const printed = await runCoffer(['admin-key', '--new'], { COFFER_DATA_DIR: join(folder, 'data') });
    expect(printed.output).to.match(
      /^cof_[A-Za-z0-9_-]{43}\ncoffer: an API key for COFFER_ADMIN_API_KEY is printed\n$/,
    );
    const written = await runCoffer(['admin-key', '--new', '--out', file], { COFFER_DATA_DIR: join(folder, 'data') });
    expect(written.output).to.equal(`an API key for COFFER_ADMIN_API_KEY is in ${file}\n`);
    expect(await readFile(file, 'utf8')).to.match(/^cof_[A-Za-z0-9_-]{43}\n$/);
    expect(await readdir(folder)).to.deep.equal(['key']);
    await rm(folder, { recursive: true });
  });
});

describe('a data directory that cannot be made', () => {
  it('is an error at the start, also where the file system answers that a parent is missing', async function () {
    if (process.platform !== 'linux') this.skip();
    const { exitCode, output } = await runCoffer(['start'], { COFFER_DATA_DIR: '/proc/coffer/data' });
    expect(exitCode).to.equal(1);
    expect(output).to.match(/^coffer: .*\/proc\/coffer\/data/m);
  });
});

function externally(url: string, dataDir: string): Environment {
  return { COFFER_DATABASE_URL: url, COFFER_MASTER_KEY: masterKey, COFFER_DATA_DIR: dataDir };
}
