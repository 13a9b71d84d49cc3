import { expect } from 'chai';
import { assert as check, property, string } from 'fast-check';
import { findJsonFault } from '../../../src/gateway/request/json-fault.ts';

describe('a text that is not JSON', () => {
  const faults: [text: string, offset: number, reason: string][] = [
    ['', 0, 'Expecting value'],
    ['x', 0, 'Expecting value'],
    ['{"a": x}', 6, 'Expecting value'],
    ['{a: 1}', 1, 'Expecting property name enclosed in double quotes'],
    ['{"a": 1,}', 8, 'Expecting property name enclosed in double quotes'],
    ['{"a" 1}', 5, "Expecting ':' delimiter"],
    ['{"a": 1 "b": 2}', 8, "Expecting ',' delimiter"],
    ['[1 2]', 3, "Expecting ',' delimiter"],
    ['[1,]', 3, 'Expecting value'],
    ['{"a": "b', 6, 'Unterminated string starting at'],
    ['{"a": "b\n"}', 8, 'Invalid control character at'],
    ['{"a": "\\x"}', 7, 'Invalid \\escape'],
    ['{"a": "\\u12"}', 7, 'Invalid \\escape'],
    ['{} {}', 3, 'Extra data'],
    ['{"a": 01}', 7, "Expecting ',' delimiter"],
    ['[[[', 3, 'Expecting value'],
    ['{"a": [1, {"b": tru}]}', 16, 'Expecting value'],
    ['\ufeff{}', 0, 'Expecting value'],
  ];
  for (const [text, offset, reason] of faults) {
    it(`is at fault at ${offset} in ${JSON.stringify(text)}`, () => {
      expect(findJsonFault(text)).to.deep.equal({ offset, reason });
    });
  }

  it('is reported without quoting it', () => {
    expect(JSON.stringify(findJsonFault('{"key": sk-1}'))).not.to.contain('sk-1');
  });

  it('has a fault within its length, whatever it is', () => {
    check(
      property(string(), (text) => {
        if (isJsonText(text)) return;
        const { offset, reason } = findJsonFault(text);
        expect(offset).to.be.within(0, text.length);
        expect(reason).not.to.equal('');
      }),
    );
  });

  it('is found in a deep text without a deep stack', () => {
    expect(findJsonFault('['.repeat(500_000)).offset).to.equal(500_000);
  });
});

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
