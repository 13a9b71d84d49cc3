import { expect } from 'chai';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCoffer, startCofferProcess, type CofferProcess, type CommandEnd } from '../support/coffer-process.ts';
import { faultsOfVault } from '../support/examined-vault.ts';
import { interruptionUrl } from '../support/key-steps/interruption.ts';
import { sharedPostgres } from '../support/postgres.ts';
import { SeededVault } from '../support/seeded-vault.ts';

const rotations = 3;

const writeKey = (file: string) => writeFile(file, randomBytes(32).toString('base64'), { mode: 0o600 });

describe('rotating the master key while several processes serve', function () {
  this.timeout(120_000);
  let folder: string;
  let keyFile: string;
  let environment: Record<string, string>;
  let servers: CofferProcess[];
  let vault: SeededVault;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-processes-'));
    keyFile = join(folder, 'key');
    await writeKey(keyFile);
    environment = {
      COFFER_DATABASE_URL: (await (await sharedPostgres()).createMigratedDatabase()).url,
      COFFER_MASTER_KEY_FILE: keyFile,
      COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
    };
    const start = () => startCofferProcess(folder, environment);
    servers = [await start(), ...(await Promise.all([start(), start()]))];
    vault = await SeededVault.fill(serverAt(0), { workspaces: 4, credentials: 2, versions: 2 });
  });

  after(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(folder, { recursive: true });
  });

  const serverAt = (index: number): CofferProcess => {
    const server = servers[index % servers.length];
    if (!server) throw new Error('no server runs');
    return server;
  };

  /** Rotates to the key in a file, from that in another one. */
  const rotate = (target: string, from: string, options?: Parameters<typeof runCoffer>[2]) =>
    runCoffer(
      ['keys', 'rotate-master', '--to-key-file', target],
      { ...environment, COFFER_MASTER_KEY_FILE: from },
      options,
    );

  it('lets each of three serve on, and none gives a wrong answer, however often the key changes', async () => {
    const end = new AbortController();
    let answers = 0;
    const load = servers.map(async (server) => {
      while (!end.signal.aborted) {
        await vault.expectRevealed(server);
        answers += vault.secretCount;
      }
    });
    const creating = (async () => {
      for (let turn = 0; !end.signal.aborted; turn += 1) await vault.addWorkspace(serverAt(turn));
    })();
    for (let count = 0; count < rotations; count += 1) {
      const former = join(folder, 'former');
      await copyFile(keyFile, former);
      await writeKey(keyFile);
      expect((await rotate(keyFile, former)).exitCode).to.equal(0);
    }
    const before = answers;
    for (const server of servers) await vault.addWorkspace(server);
    end.abort();
    await Promise.all([...load, creating]);
    expect(before).to.be.greaterThan(0);
    for (const server of servers) await vault.expectRevealed(server);
    expect(await faultsOfVault(environment)).to.deep.equal([]);
  });

  it('is done by one of two processes that are asked at once, and the other reports that it is under way', async () => {
    const [former, other] = [join(folder, 'former'), join(folder, 'other')];
    await copyFile(keyFile, former);
    await writeKey(keyFile);
    const refused: Promise<CommandEnd>[] = [];
    // The first one is held in the middle of its transaction, until the other one has ended.
    const held = {
      loads: interruptionUrl({
        beginsWith: 'pg_try_advisory_xact_lock.* \\d+,7$',
        step: 'update workspace_key',
        signal: 'SIGSTOP',
      }),
      onLine: (step: string, process: ChildProcess) => {
        if (step === 'update workspace_key') refused.push(rotate(other, former).finally(() => process.kill('SIGCONT')));
      },
    };
    const done = await rotate(keyFile, former, held);
    expect(done.output).to.match(/is [0-9a-f]{16} now, in place of [0-9a-f]{16}/);
    expect(done.exitCode).to.equal(0);
    const [answer] = await Promise.all(refused);
    expect(answer?.output).to.include('a rotation of the master key is under way');
    expect(answer?.exitCode).to.equal(1);
    for (const server of servers) await vault.expectRevealed(server);
    for (const server of servers) await vault.addWorkspace(server);
  });
});
