import { expect } from 'chai';
import { clampDeadlines } from '../../../src/gateway/rpc/connect-corrections.ts';

const clamped = (name: string, value: string) => {
  const headers = { [name]: value };
  clampDeadlines(headers);
  return headers[name];
};

describe('a deadline', () => {
  for (const value of ['2147483648', '9999999999']) {
    it(`of ${value} ms is as far away as a timer can wait`, () => {
      expect(clamped('connect-timeout-ms', value)).to.equal('2147483647');
    });
  }

  for (const value of ['2147484S', '99999999S', '35792M', '99999999M', '597H', '99999999H']) {
    it(`of ${value} is as far away as a timer can wait, in seconds`, () => {
      expect(clamped('grpc-timeout', value)).to.equal('2147483S');
    });
  }

  it('within reach stays', () => {
    for (const value of ['0', '1', '2147483647']) expect(clamped('connect-timeout-ms', value)).to.equal(value);
    for (const value of ['0S', '2147483S', '35791M', '596H', '99999999m', '99999999u', '99999999n']) {
      expect(clamped('grpc-timeout', value)).to.equal(value);
    }
  });

  it('that is none stays, to be refused', () => {
    for (const value of ['', 'x', '1e9', '-1', '99999999999', ' 9999999999']) {
      expect(clamped('connect-timeout-ms', value)).to.equal(value);
    }
    for (const value of ['', 'H', '999999999H', '9h', '9999 H']) expect(clamped('grpc-timeout', value)).to.equal(value);
  });
});
