import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { readConfig } from '../../src/start/read-config.ts';
import { prepareInstance, type Instance } from '../../src/start/instance.ts';
import { Sealing } from '../../src/start/sealing.ts';
import type { OpeningOptions } from '../../src/start/open-instance.ts';
import { SystemClock } from '../../src/vault/time.ts';
import { SealState } from '../../src/vault/workspaces/seal-state.ts';
import { sharedPostgres } from '../support/postgres.ts';
import { rejectionOf } from '../support/refusals.ts';

const key = randomBytes(32);
const opening: OpeningOptions = { mayBegin: true };

/** An opening with a key that is given. */
function openingBy(bytes: Uint8Array): OpeningOptions {
  const source = { kind: 'key', key: new Uint8Array(bytes) } as const;
  return { mayBegin: false, mayMigrate: true, origin: { name: 'given', obtain: async () => source } };
}

describe('opening and sealing a vault', () => {
  let stack: AsyncDisposableStack;
  let instance: Instance;
  let state: SealState;
  let sealing: Sealing;
  let begun: number;
  let work: string[];

  before(async () => {
    stack = new AsyncDisposableStack();
    const { url } = await (await sharedPostgres()).createMigratedDatabase();
    const environment = {
      COFFER_DATABASE_URL: url,
      COFFER_MASTER_KEY: key.toString('base64'),
      COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
    };
    const log = pino({ level: 'silent' });
    const parts = {
      config: readConfig(environment, () => ''),
      connection: { url },
      clock: new SystemClock(),
      log,
    };
    instance = await prepareInstance(parts, stack);
    state = new SealState('not open yet');
    begun = 0;
    work = [];
    sealing = stack.use(
      new Sealing({
        instance,
        opening: parts,
        state,
        begin: async () => {
          begun += 1;
        },
        work: (working) => {
          work.push('started');
          working.defer(() => void work.push('ended'));
        },
        log,
      }),
    );
  });

  after(() => stack.disposeAsync());

  it('starts the work that needs the keys, ends it when sealed, and starts it again', async () => {
    await sealing.open(opening);
    expect([state.isSealed, begun, work]).to.deep.equal([false, 1, ['started']]);
    sealing.sealHere('a reason');
    expect(instance.keyring.isOpen).to.equal(false);
    expect(state.reason).to.equal('a reason');
    await sealing.open(openingBy(key));
    expect([state.isSealed, begun, work]).to.deep.equal([false, 1, ['started', 'ended', 'started']]);
    sealing.sealHere('again');
  });

  it('has no keys and no work after an opening that fails, at the key or at what is prepared', async () => {
    const before = work.filter((one) => one === 'started').length;
    const failing = [
      () => sealing.open(openingBy(randomBytes(32))),
      () => sealing.open(openingBy(key), () => Promise.reject(new Error('the trail cannot be written'))),
    ];
    for (const open of failing) {
      expect(await rejectionOf(open())).to.be.an('error');
      expect([instance.keyring.isOpen, state.isSealed]).to.deep.equal([false, true]);
    }
    expect(work.filter((one) => one === 'started')).to.have.length(before);
  });

  it('stays sealed where it is sealed while it is being opened', async () => {
    const opened = sealing.open(openingBy(key), async () => sealing.sealHere('meanwhile'));
    expect(await rejectionOf(opened)).to.deep.include({ code: 'unavailable', details: { reason: 'SEALED' } });
    expect([instance.keyring.isOpen, state.reason]).to.deep.equal([false, 'meanwhile']);
  });

  it('is sealed once, and reports each change', async () => {
    const changes: boolean[] = [];
    const unsubscribe = state.subscribe(() => changes.push(state.isSealed));
    await sealing.open(openingBy(key));
    sealing.sealHere('once');
    sealing.sealHere('twice');
    unsubscribe();
    expect(changes).to.deep.equal([false, true]);
    expect(state.reason).to.equal('once');
    expect(() => state.requireOpen()).to.throw('the vault is sealed');
  });
});
