import { expect } from 'chai';
import { Semaphore } from '../../src/authentication/password-hasher.ts';

describe('Semaphore', () => {
  it('admits no more at once than its limit, and each of them in the end', async () => {
    const semaphore = new Semaphore(2);
    const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
    const inside = new Set<number>();
    let most = 0;
    const tasks = gates.map((gate, index) =>
      semaphore.run(async () => {
        inside.add(index);
        most = Math.max(most, inside.size);
        await gate.promise;
        inside.delete(index);
        return index;
      }),
    );
    await turn();
    expect([...inside]).to.deep.equal([0, 1]);
    gates[1]?.resolve();
    await turn();
    expect([...inside]).to.deep.equal([0, 2]);
    for (const { resolve } of gates) resolve();
    expect(await Promise.all(tasks)).to.deep.equal([0, 1, 2, 3, 4]);
    expect(most).to.equal(2);
  });

  it('makes room again when a task fails', async () => {
    const semaphore = new Semaphore(1);
    const failure = new Error('fails');
    const failed = await semaphore.run(() => Promise.reject(failure)).catch((error: unknown) => error);
    expect(failed).to.equal(failure);
    expect(await semaphore.run(async () => 'next')).to.equal('next');
  });
});

/** Lets all that is ready run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
