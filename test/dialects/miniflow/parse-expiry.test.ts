import { expect } from 'chai';
import { parseExpiry } from '../../../src/dialects/miniflow/mapping.ts';
import { VaultError } from '../../../src/vault/errors.ts';

describe("miniflow's expires_at", () => {
  const readable = {
    '2025-01-01T00:00:00Z': '2025-01-01T00:00:00.000Z',
    '2025-01-01T00:00:00z': '2025-01-01T00:00:00.000Z',
    '2025-01-01T02:30:00+02:30': '2025-01-01T00:00:00.000Z',
    '2024-12-31T19:00:00-0500': '2025-01-01T00:00:00.000Z',
    '2025-01-01T00:00:00': '2025-01-01T00:00:00.000Z',
    '2025-01-01 12:34': '2025-01-01T12:34:00.000Z',
    '2025-01-01T00:00:00.5Z': '2025-01-01T00:00:00.500Z',
    '2025-01-01T00:00:00.123456+00:00': '2025-01-01T00:00:00.123Z',
    '2024-02-29': '2024-02-29T00:00:00.000Z',
    '1999-12-31T23:59:59Z': '1999-12-31T23:59:59.000Z',
  };
  for (const [text, time] of Object.entries(readable)) {
    it(`reads ${text} as ${time}`, () => {
      expect(parseExpiry(text)?.toISOString()).to.equal(time);
    });
  }

  for (const text of [undefined, '']) {
    it(`takes ${text === '' ? 'an empty text' : 'absence'} for never`, () => {
      expect(parseExpiry(text)).to.equal(null);
    });
  }

  const unreadable = [
    'tomorrow',
    '2025-02-29',
    '2025-13-01T00:00:00Z',
    '2025-01-32',
    '2025-01-01T24:00:00Z',
    '2025-01-01T00:60:00Z',
    '2025-01-01T00:00:00+24:00',
    '2025-01-01T00:00:00+00:60',
    '2025-01-01T00:00:00Z and more',
    ' 2025-01-01',
    '25-01-01',
    '1735689600',
  ];
  for (const text of unreadable) {
    it(`refuses ${JSON.stringify(text)}, naming only the member`, () => {
      expect(() => parseExpiry(text))
        .to.throw(VaultError, 'expires_at must be an ISO 8601 time')
        .that.includes({ code: 'invalid_argument' });
    });
  }
});
