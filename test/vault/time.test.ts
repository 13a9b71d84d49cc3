import { expect } from 'chai';
import { assert, date, integer, property, tuple } from 'fast-check';
import { isStorableTime, parseTime } from '../../src/vault/time.ts';

describe('a time of RFC 3339', () => {
  const readable: Readonly<Record<string, string>> = {
    '2025-01-01T00:00:00Z': '2025-01-01T00:00:00.000Z',
    '2025-01-01t00:00:00z': '2025-01-01T00:00:00.000Z',
    '2025-01-01T02:30:00+02:30': '2025-01-01T00:00:00.000Z',
    '2024-12-31T19:00:00-05:00': '2025-01-01T00:00:00.000Z',
    '2025-01-01T00:00:00-00:00': '2025-01-01T00:00:00.000Z',
    '2025-01-01T00:00:00.5Z': '2025-01-01T00:00:00.500Z',
    '2025-01-01T00:00:00.1239999Z': '2025-01-01T00:00:00.123Z',
    '2025-01-01T00:00:00.99999999999999999999Z': '2025-01-01T00:00:00.999Z',
    '9999-12-31T23:59:59.9999999Z': '9999-12-31T23:59:59.999Z',
    '0001-01-01T00:00:00Z': '0001-01-01T00:00:00.000Z',
    '0001-01-01T01:00:00+01:00': '0001-01-01T00:00:00.000Z',
    '0099-03-01T00:00:00Z': '0099-03-01T00:00:00.000Z',
    '1899-12-31T23:59:59.9995Z': '1899-12-31T23:59:59.999Z',
    '1969-12-31T23:59:59.9999Z': '1969-12-31T23:59:59.999Z',
    '2024-02-29T00:00:00Z': '2024-02-29T00:00:00.000Z',
  };
  for (const [text, time] of Object.entries(readable)) {
    it(`is read: ${text} as ${time}`, () => {
      expect(parseTime(text)?.toISOString()).to.equal(time);
    });
  }

  const unreadable = [
    '0000-12-31T23:59:59Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '10000-01-01T00:00:00Z',
    '+010000-01-01T00:00:00Z',
    '-000001-01-01T00:00:00Z',
    '2025-01-01T24:00:00Z',
    '2016-12-31T23:59:60Z',
    '2025-01-01T00:60:00Z',
    '2025-02-29T00:00:00Z',
    '2025-04-31T00:00:00Z',
    '2025-00-01T00:00:00Z',
    '2025-13-01T00:00:00Z',
    '2025-01-00T00:00:00Z',
    '2025-01-01T00:00:00+24:00',
    '2025-01-01T00:00:00+00:60',
    '2025-01-01T00:00:00+0100',
    '2025-01-01T00:00:00.Z',
    '2025-01-01T00:00:00',
    '2025-01-01 00:00:00Z',
    '2025-01-01T00:00Z',
    '2025-01-01',
    '1735689600',
    '',
    ' 2025-01-01T00:00:00Z',
    '2025-01-01T00:00:00Z\n',
    '２025-01-01T00:00:00Z',
  ];
  for (const text of unreadable) {
    it(`is refused: ${JSON.stringify(text)}`, () => {
      expect(parseTime(text)).to.equal(undefined);
    });
  }

  it('is what Date writes, whatever is finer than a millisecond', () => {
    const times = date({ min: new Date('0001-01-01'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });
    assert(
      property(tuple(times, integer({ min: 0, max: 999_999 })), ([time, nanos]) => {
        const text = time.toISOString().replace('Z', `${String(nanos).padStart(6, '0')}Z`);
        expect(parseTime(text)).to.deep.equal(time);
      }),
    );
  });

  it('is stored from the year 1 to the year 9999', () => {
    const edges = ['0000-12-31T23:59:59.999Z', '0001-01-01', '9999-12-31T23:59:59.999Z', '+010000-01-01T00:00:00.000Z'];
    expect([...edges, 'never'].map((text) => isStorableTime(new Date(text)))).to.deep.equal([
      false,
      true,
      true,
      false,
      false,
    ]);
  });
});
