import { expect } from 'chai';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Environment } from '../../src/config/config.ts';
import { isJsonObject } from '../../src/vault/json.ts';
import { runCoffer, startCofferProcess, type CofferProcess } from '../support/coffer-process.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, parseObject, textOf } from '../support/json.ts';

/** Runs the command, and answers its findings by their checks. */
async function examine(environment: Environment, ...parameters: string[]) {
  const { exitCode, output } = await runCoffer(['doctor', '--json', ...parameters], environment);
  const last = parseObject(output.trim().split('\n').at(-1) ?? '');
  const findings = memberOf(last, 'findings');
  if (!Array.isArray(findings)) throw new Error('the findings are a list');
  const states = new Map<string, string[]>();
  for (const finding of findings.filter(isJsonObject)) {
    const check = textOf(finding, 'check');
    const remedy = typeof finding['remedy'] === 'string' ? ` · ${finding['remedy']}` : '';
    const text = `${textOf(finding, 'state')} · ${textOf(finding, 'message')}${remedy}`;
    states.set(check, [...(states.get(check) ?? []), text]);
  }
  return { exitCode, output, healthy: last['healthy'], states };
}

const faultsOf = ({ states }: Awaited<ReturnType<typeof examine>>): string[] =>
  [...states].flatMap(([check, found]) =>
    found.filter((one) => one.startsWith('fault')).map((one) => `${check}: ${one}`),
  );

describe('coffer doctor', function () {
  this.timeout(60_000);

  describe('on an embedded vault', () => {
    let folder: string;
    let coffer: CofferProcess;
    const environment = (): Environment => ({ COFFER_DATA_DIR: folder });

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'coffer-doctor-'));
      coffer = await startCofferProcess(folder);
      const headers = { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ credential: { name: 'n' }, secret: { api_key: 'canary' } });
      await fetch(`${coffer.origin}/v1/workspaces/default/credentials`, { method: 'POST', headers, body });
    });

    after(async () => {
      await coffer.stop();
      await rm(folder, { recursive: true });
    });

    it('finds nothing wrong beside a running server, and after it has stopped, and changes no file', async () => {
      const running = await examine(environment(), '--all');
      expect(faultsOf(running)).to.deep.equal([]);
      expect(running).to.include({ exitCode: 0, healthy: true });
      expect(Object.fromEntries(running.states)).to.deep.include({
        configuration: ['ok · all settings can be used'],
        'file permissions': ['ok · the data directory and the key files are for their owner only'],
        'database settings': ['ok · fsync, synchronous_commit and full_page_writes are on'],
        clock: ['ok · agrees with that of the database'],
        migrations: ['ok · the schema is that of this release'],
        'row security': ['ok · is forced for all tables of workspaces'],
      });
      expect(running.states.get('rows and trail')?.[0]).to.match(
        /^ok · \d+ events and all rows are as they were written$/,
      );
      expect(running.states.has('all versions')).to.equal(false);
      expect(running.output).not.to.include('canary').and.not.to.include(coffer.adminToken);
      await coffer.stop();
      const files = await readdir(folder);
      expect(await examine(environment())).to.include({ exitCode: 0, healthy: true });
      expect(await readdir(folder)).to.deep.equal(files);
      coffer = await startCofferProcess(folder);
    });

    it('prints a line for each finding, and counts a skipped check as none', async () => {
      const { exitCode, output } = await runCoffer(['doctor'], environment());
      expect(exitCode).to.equal(0);
      expect(output).to.match(/^ok {7}configuration: all settings can be used$/m);
      expect(output).to.match(/^skipped {2}all versions: 1000 at most were opened; give --all to open every one$/m);
      expect(output).to.match(/^skipped {2}kept heads: give --heads FILE/m);
    });

    it('finds files that others can read, with the command that closes them', async () => {
      const file = join(folder, 'admin.key');
      await chmod(file, 0o644);
      const found = await examine(environment());
      await chmod(file, 0o600);
      expect(found.exitCode).to.equal(1);
      expect(faultsOf(found)).to.deep.equal([
        `file permissions: fault · ${file} is open to others (mode 644) · run "chmod 600" on it`,
      ]);
    });

    it('finds a master key that is another one, and changes neither it nor the rows', async () => {
      const other = { ...environment(), COFFER_MASTER_KEY: randomBytes(32).toString('base64') };
      const found = await examine(other);
      expect(faultsOf(found).join('\n')).to.match(
        /^master key: fault · COFFER_MASTER_KEY is not the master key of this vault: it needs key [0-9a-f]{16}; got [0-9a-f]{16}/,
      );
      expect(found.output).not.to.include(other.COFFER_MASTER_KEY);
      expect((await stat(join(folder, 'master.key'))).size).to.equal(45);
    });

    it('finds events that are missing from the end', async () => {
      const heads = join(folder, 'heads.json');
      await writeFile(heads, JSON.stringify({ '01890a5d-ac96-774b-bcce-b302099a8057': `7:${'0'.repeat(64)}` }));
      const found = await examine(environment(), '--heads', heads);
      expect(faultsOf(found).join('\n')).to.include('01890a5d-ac96-774b-bcce-b302099a8057');
      expect(found.exitCode).to.equal(1);
    });
  });

  describe('on a database', () => {
    let coffer: TestCoffer;
    let superuser: Client;

    before(async () => {
      coffer = await startCoffer();
      superuser = new Client(coffer.database.connection);
      await superuser.connect();
      const body = { credential: { name: 'n' }, secret: { api_key: 'canary' } };
      await coffer.native('POST', '/v1/workspaces/default/credentials', body);
    });

    after(async () => {
      await superuser.end();
      await coffer.stop();
    });

    /** The faults while the statements are in force; those of the tests' own database, which loses what a crash interrupts, aside. */
    async function faultsWhile(begin: string, end: string): Promise<readonly string[]> {
      await superuser.query(begin);
      const found = await examine(coffer.environment);
      await superuser.query(end);
      expect(found.exitCode).to.equal(1);
      return faultsOf(found).filter((text) => !text.startsWith('database settings'));
    }

    it('finds settings by which a crash loses what was answered', async () => {
      const { states } = await examine(coffer.environment);
      expect(states.get('database settings')).to.include(
        'fault · full_page_writes is off: a crash may lose what was answered as stored · set full_page_writes = on',
      );
    });

    it('finds a table without row security', async () => {
      expect(
        await faultsWhile(
          'alter table credential no force row level security',
          'alter table credential force row level security',
        ),
      ).to.deep.equal([
        'row security: fault · is off for the table credential · restore the table from a backup, or run the command migrate',
      ]);
    });

    it('finds rows that were changed outside of Coffer', async () => {
      const found = await faultsWhile(
        "update credential set provider = 'other'",
        "update credential set provider = 'custom'",
      );
      expect(found.join('\n')).to.match(/^rows and trail: fault · credential: .+ · compare with a backup/);
    });

    it('finds a schema of another release', async () => {
      expect(
        await faultsWhile(
          "insert into schema_migration (name, executed_at) values ('999-later', now())",
          "delete from schema_migration where name = '999-later'",
        ),
      ).to.deep.equal([
        'migrations: fault · the database belongs to a newer Coffer: this one does not know its migrations 999-later',
      ]);
    });
  });

  it('reports each problem of the configuration, and a database that is away', async () => {
    const wrong = await examine({ COFFER_PORT: 'http', COFFER_LOG_LEVEL: 'loud' });
    expect(wrong).to.include({ exitCode: 1, healthy: false });
    expect(faultsOf(wrong)).to.have.lengthOf(2);
    const away = await examine({
      COFFER_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/coffer',
      COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
    });
    expect(faultsOf(away).join('\n')).to.match(/^database: fault · .*127\.0\.0\.1:1/);
    expect(away.exitCode).to.equal(1);
  });

  it('takes no other options', async () => {
    expect((await runCoffer(['doctor', '--fix'])).exitCode).to.equal(2);
  });
});
