import { expect } from 'chai';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCoffer, startCofferProcess, type CofferProcess } from '../support/coffer-process.ts';
import { faultsOfVault } from '../support/examined-vault.ts';
import { interruptionUrl, type Interruption } from '../support/key-steps/interruption.ts';
import { KillCounts } from '../support/key-steps/kill-counts.ts';
import { ObservedSteps } from '../support/key-steps/observed-steps.ts';
import { masterFingerprintsIn } from '../support/master-fingerprints.ts';
import { SeededVault } from '../support/seeded-vault.ts';

/** The transaction that takes the lock of a rotation of the master key. */
const beginsWith = 'pg_try_advisory_xact_lock.* \\d+,7$';
const commit = 'insert into audit_event; commit';
const randomKills = 6;

/** Where a whole server is killed: at some steps, and at moments that no step names. Not twice where a start ends a rotation. */
const killsOfServer: readonly Interruption[] = [
  { beginsWith, step: 'link scratch file to master.key.FINGERPRINT' },
  { beginsWith, step: 'update workspace_key', moment: 'after sending' },
  { beginsWith, step: 'rename master.key.FINGERPRINT to master.key' },
  { beginsWith, step: commit, moment: 'after sending' },
  { beginsWith },
  { beginsWith },
];

describe('a process that is killed while it rotates the master key', function () {
  this.timeout(180_000);
  let folder: string;
  let coffer: CofferProcess;
  let vault: SeededVault;
  let counts: KillCounts;
  let durationMs: number;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-kills-'));
    coffer = await startCofferProcess(folder);
    vault = await SeededVault.fill(coffer, { workspaces: 6, credentials: 2, versions: 2 });
    const undisturbed = new ObservedSteps();
    await rotate({ beginsWith }, undisturbed);
    counts = new KillCounts(undisturbed.taken);
    durationMs = undisturbed.durationMs;
  });

  after(async () => {
    await coffer.stop();
    await rm(folder, { recursive: true });
  });

  /** Rotates by the command, beside the server. @returns whether it was killed */
  async function rotate(interruption: Interruption, steps: ObservedSteps): Promise<boolean> {
    const options = { loads: interruptionUrl(interruption), onLine: steps.observe };
    const { exitCode } = await runCoffer(['keys', 'rotate-master'], { COFFER_DATA_DIR: folder }, options);
    return exitCode === null;
  }

  /** Rotates by a call to the server. @returns whether it was killed */
  async function rotateByCall(): Promise<boolean> {
    const headers = { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/json' };
    const call = fetch(`${coffer.origin}/v1/keys:rotateMaster`, { method: 'POST', headers, body: '{}' });
    const isAnswered = await call.then(
      () => true,
      () => false,
    );
    await coffer.kill();
    return !isAnswered;
  }

  /** Every secret opens through the server and from the disk, the trail verifies, and one of the keys is the key. */
  async function expectIntact(): Promise<void> {
    await vault.expectRevealed(coffer);
    expect(await faultsOfVault({ COFFER_DATA_DIR: folder })).to.deep.equal([]);
    const refusal = await faultsOfVault({
      COFFER_DATA_DIR: folder,
      COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
    });
    const [, needed] = /^master key: .* needs key ([0-9a-f]{16}); got [0-9a-f]{16}/.exec(refusal.join()) ?? [];
    const fingerprints = await masterFingerprintsIn(folder);
    expect(fingerprints.filter((fingerprint) => fingerprint === needed)).to.have.lengthOf(1);
  }

  it('leaves every secret under exactly one of the keys, at each step of the command', async () => {
    for (const step of counts.missed) {
      for (const moment of step === commit ? (['before', 'after sending'] as const) : (['before'] as const)) {
        const steps = new ObservedSteps();
        await rotate({ beginsWith, step, moment }, steps);
        expect(steps.last).to.equal(step);
        counts.add(steps.last);
        await expectIntact();
      }
    }
  });

  it('leaves them so at any other moment', async () => {
    for (let kills = 0; kills < randomKills;) {
      const steps = new ObservedSteps(durationMs);
      // The moment may come after the end.
      if (!(await rotate({ beginsWith }, steps))) continue;
      counts.add(steps.last);
      kills += 1;
      await expectIntact();
    }
  });

  it('leaves them so where it is the server itself, which starts again', async () => {
    await coffer.kill();
    for (const interruption of killsOfServer) {
      let steps = new ObservedSteps();
      const options = {
        loads: interruptionUrl(interruption),
        onLine: (line: string, process: ChildProcess) => steps.observe(line, process),
      };
      coffer = await startCofferProcess(folder, {}, options);
      await expectIntact();
      // Without the steps by which the start ended an earlier rotation.
      steps = new ObservedSteps(interruption.step === undefined ? durationMs : undefined);
      if (await rotateByCall()) counts.add(steps.last);
    }
    coffer = await startCofferProcess(folder);
    await expectIntact();
  });

  it('was killed at every step, and the vault is sound at the end', async () => {
    counts.print('while the master key was rotated');
    expect(counts.missed).to.deep.equal([]);
    const { exitCode, output } = await runCoffer(['doctor', '--all'], { COFFER_DATA_DIR: folder });
    expect(output).not.to.match(/^fault /m);
    expect(exitCode).to.equal(0);
  });
});
