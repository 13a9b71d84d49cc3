import { expect } from 'chai';
import { array, assert, integer, property } from 'fast-check';
import { TokenBuckets } from '../../../src/gateway/admission/rate-limit.ts';

/** Buckets, and the time that they know, in milliseconds. */
function buckets({ perSecond = 2, bucketsMax = 100 } = {}) {
  const time = { ms: 1_000_000 };
  const clock = { now: () => new Date(time.ms) };
  return { time, buckets: new TokenBuckets({ perSecond, bucketsMax, clock }) };
}

describe('token buckets', () => {
  it('let as many through at once as a second allows, and answer the next one how long to wait', () => {
    const { buckets: two } = buckets();
    expect([two.take('a'), two.take('a'), two.take('a')]).to.deep.equal([0, 0, 500]);
  });

  it('let one more through after that time, and not before', () => {
    const { buckets: two, time } = buckets();
    two.take('a');
    two.take('a');
    time.ms += 499;
    expect(two.take('a')).to.equal(1);
    time.ms += 1;
    expect([two.take('a'), two.take('a')]).to.deep.equal([0, 500]);
  });

  it('charge nothing for asking too early', () => {
    const { buckets: two, time } = buckets();
    for (let asked = 0; asked < 50; asked += 1) two.take('a');
    time.ms += 500;
    expect(two.take('a')).to.equal(0);
  });

  it('are shut after a charge of more than they hold, until that is filled, and keep the charge of who stays away', () => {
    const { buckets: two, time } = buckets();
    two.charge('a', 10);
    expect(two.take('a')).to.equal(4_500);
    time.ms += 4_000;
    for (let other = 0; other < 50; other += 1) two.take(`other ${other}`);
    expect(two.take('a')).to.equal(500);
    time.ms += 500;
    expect([two.take('a'), two.take('b')]).to.deep.equal([0, 0]);
    two.charge('b', 0);
    expect(two.take('b')).to.equal(0);
  });

  it('know one from another', () => {
    const { buckets: one } = buckets({ perSecond: 1 });
    expect([one.take('a'), one.take('b'), one.take('a')]).to.deep.equal([0, 0, 1_000]);
  });

  it('fill no further than for a second, however long the rest', () => {
    const { buckets: two, time } = buckets();
    two.take('a');
    time.ms += 3_600_000;
    expect([two.take('a'), two.take('a'), two.take('a')]).to.deep.equal([0, 0, 500]);
  });

  it('neither fill nor stay shut for long when the clock is set back', () => {
    const { buckets: two, time } = buckets();
    two.take('a');
    two.take('a');
    time.ms -= 3_600_000;
    expect(two.take('a')).to.equal(500);
    time.ms += 500;
    expect(two.take('a')).to.equal(0);
  });

  it('forget a caller who has rested for a second', () => {
    const { buckets: two, time } = buckets();
    for (const key of ['a', 'b', 'c']) two.take(key);
    time.ms += 600;
    two.take('b');
    time.ms += 400;
    two.take('d');
    expect(two.size).to.equal(2);
  });

  it('never remember more than they may, and forget those first who were seen longest ago', () => {
    const { buckets: one } = buckets({ perSecond: 1, bucketsMax: 3 });
    for (let index = 0; index < 1_000; index += 1) one.take(`key ${index}`);
    expect(one.size).to.equal(3);
    expect(['key 999', 'key 998', 'key 997'].map((key) => one.take(key))).to.deep.equal([1_000, 1_000, 1_000]);
    expect(one.take('key 996')).to.equal(0);
  });

  it('let no more through in any time than a second at once and then the rate', () => {
    const steps = array(integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 200 });
    assert(
      property(integer({ min: 1, max: 20 }), steps, (perSecond, pauses) => {
        const { buckets: some, time } = buckets({ perSecond });
        const start = time.ms;
        let passed = 0;
        for (const pause of pauses) {
          time.ms += pause;
          if (some.take('a') === 0) passed += 1;
        }
        expect(passed).to.be.at.most(perSecond + ((time.ms - start) * perSecond) / 1_000);
      }),
      { seed: 20_261_120, numRuns: 200 },
    );
  });
});
