import { expect } from 'chai';
import { ConsumerRecorder, type ConsumerUse } from '../../../src/vault/usage/consumer-recorder.ts';
import { StandingClock } from '../../encryption/fixtures.ts';
import { someCaller } from '../../dialects/coffer/samples.ts';

const second = 1_000;

function callOf(id: string) {
  return { workspaceId: 'a workspace', caller: someCaller({ id, name: `name of ${id}` }) };
}

describe('the recorder of consumers', () => {
  const start = new Date('2024-01-01T00:00:00Z').getTime();
  let written: (readonly ConsumerUse[])[];
  let isAway: boolean;
  let clock: StandingClock;
  let recorder: ConsumerRecorder;

  beforeEach(() => {
    written = [];
    isAway = false;
    clock = new StandingClock();
    const store = {
      recordConsumers: async (uses: readonly ConsumerUse[]) => {
        if (isAway) throw new Error('away');
        written.push(uses);
      },
    };
    recorder = new ConsumerRecorder(store, clock);
  });

  const at = (seconds: number) => new Date(start + seconds * second);
  const use = (seconds: number, credentialId = 'one', consumer = 'key') => {
    clock.timeMs = at(seconds).getTime();
    recorder.record(callOf(consumer), credentialId, at(seconds));
  };
  const flushAt = async (seconds: number) => {
    clock.timeMs = at(seconds).getTime();
    await recorder.flush();
  };
  const times = () => written.map((uses) => uses.map(({ lastUsedAt }) => (lastUsedAt.getTime() - start) / second));

  it('writes the first use of a pair with the next flush, and later ones once a minute, with the last time', async () => {
    use(0);
    await flushAt(1);
    for (const seconds of [2, 30, 59]) {
      use(seconds);
      await flushAt(seconds);
    }
    await flushAt(61);
    await flushAt(62);
    use(100);
    await flushAt(101);
    await flushAt(121);
    expect(times()).to.deep.equal([[0], [59], [100]]);
    expect(written[0]).to.deep.equal([
      {
        workspaceId: 'a workspace',
        credentialId: 'one',
        id: 'key',
        kind: 'api_key',
        name: 'name of key',
        lastUsedAt: at(0),
      },
    ]);
  });

  it('counts a pair that was not used for a minute as new', async () => {
    use(0);
    await flushAt(1);
    await flushAt(62);
    use(63);
    await flushAt(64);
    expect(times()).to.deep.equal([[0], [63]]);
  });

  it('keeps pairs apart', async () => {
    use(0, 'one', 'key');
    use(0, 'one', 'other');
    use(0, 'two', 'key');
    await flushAt(1);
    expect(written.flat().map(({ credentialId, id }) => `${credentialId} ${id}`)).to.deep.equal([
      'one key',
      'one other',
      'two key',
    ]);
  });

  it('writes the ten newest of a credential only', async () => {
    for (let index = 0; index < 30; index += 1) use(index / 100, 'one', `key ${index}`);
    use(0, 'two');
    await flushAt(1);
    const own = written.flat().filter(({ credentialId }) => credentialId === 'one');
    expect(own.map(({ id }) => id)).to.deep.equal(Array.from({ length: 10 }, (_, index) => `key ${29 - index}`));
    expect(written.flat()).to.have.length(11);
  });

  it('writes again what could not be written, with what was used meanwhile', async () => {
    use(0);
    use(0, 'two');
    isAway = true;
    const failure = await flushAt(1).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    expect(failure).to.equal('Error: away');
    use(2);
    isAway = false;
    await flushAt(3);
    expect(times()).to.deep.equal([[2, 0]]);
  });

  it('writes everything at the end', async () => {
    use(0);
    await flushAt(1);
    use(5);
    await recorder.flushAll();
    await recorder.flushAll();
    expect(times()).to.deep.equal([[0], [5]]);
  });
});
