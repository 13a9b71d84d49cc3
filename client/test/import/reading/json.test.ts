import { expect } from 'chai';
import { canonicalJson, parseJson, parseJsonObject } from '../../../src/import/reading/json.ts';
import { ImportError } from '../../../src/import/reading/import-error.ts';
import { requireNode } from '../../../src/import/reading/require-node.ts';

describe('parseJson', () => {
  it('loses no digit of an integer', () => {
    const text =
      '{"id":12345678901234567890,"negative":-9007199254740993,"small":5432,"text":"1","fraction":1.5,"e":1e300}';
    expect(parseJson(text)).to.deep.equal({
      id: '12345678901234567890',
      negative: '-9007199254740993',
      small: 5432,
      text: '1',
      fraction: 1.5,
      e: 1e300,
    });
  });

  it('has no value for a text that is no JSON, nor an object for another value', () => {
    expect(parseJson('{"a":')).to.equal(undefined);
    expect(['[]', 'null', '1', '"a"'].map(parseJsonObject)).to.deep.equal([undefined, undefined, undefined, undefined]);
  });
});

describe('canonicalJson', () => {
  it('does not depend on the order of members, and does on that of items', () => {
    expect(canonicalJson({ a: { c: 1, b: [1, 2] }, d: null })).to.equal(
      canonicalJson({ d: null, a: { b: [1, 2], c: 1 } }),
    );
    expect(canonicalJson([1, 2])).to.not.equal(canonicalJson([2, 1]));
  });
});

describe('requireNode', () => {
  it('refuses a Node that is too old, and names what is needed', () => {
    for (const version of ['20.19.0', '22.15.0', '24.6.0']) {
      expect(() => requireNode('this', version)).to.throw(ImportError, 'this needs Node 24.7 or newer');
    }
    for (const version of ['24.7.0', '24.21.0', '26.0.0']) requireNode('this', version);
  });
});
