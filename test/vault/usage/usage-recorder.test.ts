import { expect } from 'chai';
import { UsageRecorder, type Usage } from '../../../src/vault/usage/usage-recorder.ts';

const workspaceId = 'a workspace';
const entriesMax = 100;
const early = new Date('2024-01-01T00:00:00Z');
const late = new Date('2024-01-01T00:00:01Z');

describe('the usage recorder', () => {
  let written: (readonly Usage[])[];
  let isAway: boolean;
  let recorder: UsageRecorder;

  beforeEach(() => {
    written = [];
    isAway = false;
    const store = {
      recordUses: async (uses: readonly Usage[]) => {
        if (isAway) throw new Error('away');
        written.push(uses);
      },
    };
    recorder = new UsageRecorder(store, entriesMax);
  });

  const record = (id: string, usedAt: Date) => recorder.record(workspaceId, id, usedAt);

  const failure = () =>
    recorder.flush().then(
      () => undefined,
      (error: unknown) => String(error),
    );

  it('writes the last use and the number of uses of each id once', async () => {
    record('one', early);
    record('other', late);
    record('one', late);
    record('other', early);
    record('other', early);
    await recorder.flush();
    await recorder.flush();
    expect(written).to.deep.equal([
      [
        { workspaceId, id: 'one', lastUsedAt: late, uses: 2 },
        { workspaceId, id: 'other', lastUsedAt: late, uses: 3 },
      ],
    ]);
  });

  it('keeps what could not be written, beside what came meanwhile', async () => {
    record('one', early);
    record('other', late);
    isAway = true;
    const flushing = failure();
    record('one', late);
    expect(await flushing).to.equal('Error: away');
    isAway = false;
    await recorder.flush();
    expect(written.flat()).to.have.deep.members([
      { workspaceId, id: 'one', lastUsedAt: late, uses: 2 },
      { workspaceId, id: 'other', lastUsedAt: late, uses: 1 },
    ]);
  });

  it('collects no more ids than its limit between two flushes, and goes on with those that it has', async () => {
    for (let index = 0; index <= entriesMax; index += 1) record(`key ${index}`, early);
    record('key 0', late);
    await recorder.flush();
    const [uses = []] = written;
    expect(uses).to.have.lengthOf(entriesMax);
    expect(uses[0]).to.include({ id: 'key 0', lastUsedAt: late });
    record(`key ${entriesMax}`, early);
    await recorder.flush();
    expect(written[1]).to.deep.equal([{ workspaceId, id: `key ${entriesMax}`, lastUsedAt: early, uses: 1 }]);
  });
});
