import { expect } from 'chai';
import { array, assert as check, asyncProperty, constant, integer, oneof } from 'fast-check';
import { GroupQueue } from '../../../../src/store/postgres/statements/group-queue.ts';

/** A queue whose groups end when the test says so. */
function heldQueue(groupMax: number, take: (group: readonly number[]) => number = (group) => group.length) {
  const groups: (readonly number[])[] = [];
  const ends: (() => void)[] = [];
  const queue = new GroupQueue<number>({
    groupMax,
    work: async (group) => {
      const taken = take(group);
      groups.push(group.slice(0, taken));
      await new Promise<void>((resolve) => ends.push(resolve));
      return group.slice(taken);
    },
  });
  const finish = async () => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { groups, queue, finish, underWay: () => ends.length };
}

describe('the group queue', () => {
  it('begins at once with what finds it idle', () => {
    const { groups, queue } = heldQueue(8);
    queue.add(1);
    expect(groups).to.deep.equal([[1]]);
  });

  it('gathers what arrives while a group is under way', async () => {
    const { groups, queue, finish } = heldQueue(8);
    for (const write of [1, 2, 3]) queue.add(write);
    await finish();
    queue.add(4);
    await finish();
    expect(groups).to.deep.equal([[1], [2, 3], [4]]);
  });

  it('is idle again afterwards', async () => {
    const { groups, queue, finish } = heldQueue(8);
    queue.add(1);
    await finish();
    queue.add(2);
    expect(groups).to.deep.equal([[1], [2]]);
  });

  it('keeps the order and loses nothing, with one group under way, however much each takes', async () => {
    const steps = array(oneof(constant('add' as const), constant('finish' as const)), { maxLength: 60 });
    await check(
      asyncProperty(steps, integer({ min: 1, max: 5 }), integer({ min: 1, max: 5 }), async (plan, max, most) => {
        const held = heldQueue(max, (group) => Math.min(group.length, most));
        let added = 0;
        for (const step of plan) {
          if (step === 'add') held.queue.add((added += 1));
          else await held.finish();
          expect(held.underWay()).to.be.at.most(1);
        }
        while (held.underWay() > 0) await held.finish();
        expect(held.groups.flat()).to.deep.equal(Array.from({ length: added }, (_, index) => index + 1));
        for (const group of held.groups) expect(group.length).to.be.within(1, Math.min(max, most));
      }),
    );
  });
});
