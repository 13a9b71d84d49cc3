import { create } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import { fromTimestamp } from '../../src/dialects/from-timestamp.ts';
import { VaultError } from '../../src/vault/errors.ts';

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
