import { expect } from 'chai';
import type { ChangedCredential } from '../../../src/vault/credentials/change-events.ts';
import { inCommitOrder } from '../../../src/vault/credentials/commit-order.ts';
import { uuidV7 } from '../../../src/vault/ids.ts';
import { createDice } from '../../support/dice.ts';

function change(
  stream: string,
  sequence: number,
  credentialId: string,
  revision: number,
  timeMs = 0,
): ChangedCredential {
  const time = new Date(1_700_000_000_000 + timeMs);
  return {
    eventId: uuidV7(time.getTime(), new Uint8Array([0, sequence, 0, 0, 0, 0, 0, 0, 0, 0])),
    stream,
    sequence,
    time,
    action: 'credentials.update',
    credentialId,
    revision,
    currentVersion: 1,
    days: 0,
    formerScope: null,
  };
}

const byId = (changes: readonly ChangedCredential[]) =>
  changes.toSorted((one, other) => (one.eventId < other.eventId ? -1 : 1));

/** Counts, from 1 for each key. */
function next(counts: Map<string, number>, key: string): number {
  counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts.get(key) ?? 0;
}

const placesOf = (changes: readonly ChangedCredential[]) =>
  inCommitOrder(byId(changes)).map(({ stream, sequence }) => `${stream}${sequence}`);

describe('the order in which changes are delivered', () => {
  it('is that of ids where credentials differ', () => {
    expect(placesOf([change('a', 1, 'x', 1, 1), change('b', 1, 'y', 1, 2), change('a', 2, 'z', 1, 3)])).to.deep.equal([
      'a1',
      'b1',
      'a2',
    ]);
  });

  it('is that of revisions where the clock of another process is behind', () => {
    const changes = [change('a', 1, 'x', 1, 5_000), change('b', 1, 'x', 2, 0), change('b', 2, 'y', 1, 1)];
    expect(placesOf(changes)).to.deep.equal(['a1', 'b1', 'b2']);
  });

  it('is that of numbers within a stream', () => {
    expect(placesOf([change('a', 2, 'x', 2, 0), change('a', 1, 'y', 1, 5)])).to.deep.equal(['a1', 'a2']);
  });

  it('has every change, also where the revisions are impossible', () => {
    const changes = [change('a', 1, 'x', 2), change('a', 2, 'y', 1), change('b', 1, 'y', 2), change('b', 2, 'x', 1)];
    expect(placesOf(changes)).to.have.members(['a1', 'a2', 'b1', 'b2']);
  });

  it('agrees with the order of commits, whatever the clocks of three processes', () => {
    const dice = createDice(47);
    for (let round = 0; round < 100; round += 1) {
      const skews = [dice.below(3_000), dice.below(3_000), dice.below(3_000)];
      const [revisions, sequences] = [new Map<string, number>(), new Map<string, number>()];
      const committed = Array.from({ length: 60 }, (_, index) => {
        const process = dice.below(3);
        const [stream, credential] = [`process ${process}`, dice.pick(['w', 'x', 'y', 'z'])];
        const timeMs = index + (skews[process] ?? 0);
        return change(stream, next(sequences, stream), credential, next(revisions, credential), timeMs);
      });
      const ordered = inCommitOrder(byId(committed));
      expect(ordered).to.have.members(committed);
      for (const key of ['stream', 'credentialId'] as const) {
        for (const [name, group] of Map.groupBy(committed, (one) => one[key])) {
          expect(ordered.filter((one) => one[key] === name)).to.deep.equal(group);
        }
      }
    }
  });
});
