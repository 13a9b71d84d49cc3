import { expect } from 'chai';
import { KeyUseRecorder, usedKeysMax, type ApiKeyUse } from '../../../src/vault/usage/usage-recorder.ts';

const early = new Date('2024-01-01T00:00:00Z');
const late = new Date('2024-01-01T00:00:01Z');

describe('the recorder of uses of API keys', () => {
  let written: (readonly ApiKeyUse[])[];
  let isAway: boolean;
  let recorder: KeyUseRecorder;

  beforeEach(() => {
    written = [];
    isAway = false;
    recorder = new KeyUseRecorder({
      recordUses: async (uses) => {
        if (isAway) throw new Error('away');
        written.push(uses);
      },
    });
  });

  const failure = () =>
    recorder.flush().then(
      () => undefined,
      (error: unknown) => String(error),
    );

  it('writes the last use of each key, together, and nothing twice', async () => {
    recorder.note('one', early);
    recorder.note('other', late);
    recorder.note('one', late);
    recorder.note('other', early);
    await recorder.flush();
    await recorder.flush();
    expect(written).to.deep.equal([
      [
        { id: 'one', lastUsedAt: late },
        { id: 'other', lastUsedAt: late },
      ],
    ]);
  });

  it('keeps what could not be written, beside what came meanwhile', async () => {
    recorder.note('one', early);
    recorder.note('other', late);
    isAway = true;
    const flushing = failure();
    recorder.note('one', late);
    expect(await flushing).to.equal('Error: away');
    isAway = false;
    await recorder.flush();
    expect(written.flat()).to.have.deep.members([
      { id: 'one', lastUsedAt: late },
      { id: 'other', lastUsedAt: late },
    ]);
  });

  it('remembers no more keys than a flush takes, of which those that are there move on', async () => {
    for (let index = 0; index <= usedKeysMax; index += 1) recorder.note(`key ${index}`, early);
    recorder.note('key 0', late);
    await recorder.flush();
    const [uses = []] = written;
    expect(uses).to.have.lengthOf(usedKeysMax);
    expect(uses[0]).to.deep.equal({ id: 'key 0', lastUsedAt: late });
    recorder.note(`key ${usedKeysMax}`, early);
    await recorder.flush();
    expect(written[1]).to.deep.equal([{ id: `key ${usedKeysMax}`, lastUsedAt: early }]);
  });
});
