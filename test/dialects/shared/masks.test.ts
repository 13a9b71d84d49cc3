import { expect } from 'chai';
import { isMask, unmask } from '../../../src/dialects/shared/masks.ts';

const isMarker = (value: unknown) => value === 'marker';

describe('a mask', () => {
  for (const text of ['[redacted]', '[REDACTED]', '[secret]', '***', '********', '••••', '●●●●●●', ' ******** ']) {
    it(`is ${text}`, () => {
      expect(isMask(text)).to.equal(true);
    });
  }

  for (const value of [
    '',
    '*',
    '**',
    '•',
    'sk-****',
    '****a',
    '[redacted] not',
    'redacted',
    null,
    0,
    true,
    ['***'],
    {},
  ]) {
    it(`is not ${JSON.stringify(value)}`, () => {
      expect(isMask(value)).to.equal(false);
    });
  }
});

describe('masks that are sent back', () => {
  it('stand for the current value in their place, and nothing else does', () => {
    const current = { key: 'old', region: 'eu', gone: 'x' };
    expect(unmask({ key: '********', region: 'us' }, current)).to.deep.equal({ key: 'old', region: 'us' });
  });

  it('stand for the current value at any depth', () => {
    const current = { outer: { key: 'old', list: ['a', { key: 'b' }, 'c'] }, whole: { kept: 1 } };
    const sent = { outer: { key: '[redacted]', list: ['***', { key: '***' }, 'd'] }, whole: '••••' };
    expect(unmask(sent, current)).to.deep.equal({
      outer: { key: 'old', list: ['a', { key: 'b' }, 'd'] },
      whole: { kept: 1 },
    });
  });

  it('are dropped where nothing is current', () => {
    expect(unmask({ a: '***', b: { c: '***' }, d: ['***', 'e'] }, { b: 'text' })).to.deep.equal({ b: {}, d: ['e'] });
  });

  it('do not stand for what every object inherits', () => {
    expect(unmask({ toString: '***' }, {})).to.deep.equal({});
  });

  it('are recognized by what the dialect declares', () => {
    expect(unmask({ a: 'marker', b: '***' }, { a: 1, b: 2 }, isMarker)).to.deep.equal({ a: 1, b: '***' });
  });

  it('leave nulls and nested lists as they are', () => {
    expect(unmask({ a: null, b: [null, [1]] }, { a: 'x', b: ['y'] })).to.deep.equal({ a: null, b: [null, [1]] });
  });
});
