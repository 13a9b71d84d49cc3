import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import { assert, date, property } from 'fast-check';
import { toTimestamp } from '../../src/dialects/to-timestamp.ts';

describe('toTimestamp', () => {
  it('makes the message that protobuf makes', () => {
    const times = property(date({ noInvalidDate: true }), (time) => {
      expect(toTimestamp(time)).to.deep.equal(timestampFromDate(time));
    });
    assert(times, { numRuns: 500 });
  });

  it('refuses what is no time', () => {
    expect(() => toTimestamp(new Date(NaN))).to.throw(RangeError);
  });
});
