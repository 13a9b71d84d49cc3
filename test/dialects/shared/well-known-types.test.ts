import { create } from '@bufbuild/protobuf';
import { timestampFromDate, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import { assert, date, property } from 'fast-check';
import { fromTimestamp, toStruct, toTimestamp } from '../../../src/dialects/shared/well-known-types.ts';
import { VaultError } from '../../../src/vault/errors.ts';

const secondBefore10000 = 253_402_300_799n;
const yearOne = -62_135_596_800n;

function read(seconds: bigint, nanos: number): string {
  return fromTimestamp('expires_at', create(TimestampSchema, { seconds, nanos })).toISOString();
}

describe('a timestamp', () => {
  it('is truncated to the millisecond toward the past, also before 1970', () => {
    expect(read(0n, 1_999_999)).to.equal('1970-01-01T00:00:00.001Z');
    expect(read(-1n, 999_999_999)).to.equal('1969-12-31T23:59:59.999Z');
    expect(read(-1n, 1)).to.equal('1969-12-31T23:59:59.000Z');
    expect(read(secondBefore10000, 999_999_999)).to.equal('9999-12-31T23:59:59.999Z');
    expect(read(yearOne, 0)).to.equal('0001-01-01T00:00:00.000Z');
  });

  for (const [seconds, nanos] of [
    [yearOne - 1n, 999_999_999],
    [secondBefore10000 + 1n, 0],
    [2n ** 63n - 1n, 0],
    [-(2n ** 63n), 0],
    [0n, -1],
    [0n, 1_000_000_000],
  ] as const) {
    it(`is refused where it is none: ${seconds} seconds and ${nanos} nanoseconds`, () => {
      expect(() => read(seconds, nanos))
        .to.throw(VaultError, 'expires_at must be a time of the years 1 to 9999')
        .that.includes({ code: 'invalid_argument' });
    });
  }
});

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

describe('a JSON object for a Struct field', () => {
  it('equals what it was made of, at every depth', () => {
    const object = { a: 'x', b: [1, null, { c: [true, []] }], d: {}, e: null };
    expect(toStruct(object)).to.deep.equal(object);
  });

  it('shares nothing with what it was made of', () => {
    const object = { list: [{ a: 1 }] };
    const copy = toStruct(object);
    expect(copy['list']).to.not.equal(object.list);
  });

  it('keeps a member called __proto__ as a member', () => {
    const copy = toStruct({ ['__proto__']: 'x' });
    expect(Object.keys(copy)).to.deep.equal(['__proto__']);
  });
});
