import { expect } from 'chai';
import { assert, date, property } from 'fast-check';
import { formatTime } from '../../src/vault/time.ts';

describe('formatTime', () => {
  it('formats every time as Date does', () => {
    const usual = date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
    for (const times of [usual, date({ noInvalidDate: true })]) {
      const formatted = property(times, (time) => {
        expect(formatTime(time)).to.equal(time.toISOString());
      });
      assert(formatted, { numRuns: 1_000 });
    }
  });

  it('knows every day of 400 years, and of the years around them', () => {
    for (let ms = Date.UTC(1895, 0, 1); ms < Date.UTC(2305, 0, 1); ms += 86_399_999) {
      const time = new Date(ms);
      if (formatTime(time) !== time.toISOString()) expect(formatTime(time)).to.equal(time.toISOString());
    }
  });

  for (const text of [
    '0000-01-01T00:00:00.000Z',
    '0000-02-29T23:59:59.999Z',
    '1969-12-31T23:59:59.999Z',
    '1970-01-01T00:00:00.000Z',
    '2000-02-29T12:00:00.010Z',
    '2100-03-01T00:00:00.001Z',
    '9999-12-31T23:59:59.999Z',
    '+010000-01-01T00:00:00.000Z',
    '-000001-12-31T23:59:59.999Z',
  ]) {
    it(`formats ${text}`, () => {
      expect(formatTime(new Date(text))).to.equal(text);
    });
  }

  it('refuses what is no time', () => {
    expect(() => formatTime(new Date(NaN))).to.throw(RangeError);
  });
});
