import { expect } from 'chai';
import { sameJson, type JsonValue } from '../../src/vault/json.ts';

describe('two JSON values', () => {
  const same: [JsonValue, JsonValue][] = [
    [null, null],
    ['a', 'a'],
    [
      { a: 1, b: [true, { c: null }] },
      { b: [true, { c: null }], a: 1 },
    ],
    [[], []],
  ];
  for (const [one, other] of same) {
    it(`are the same: ${JSON.stringify(one)} and ${JSON.stringify(other)}`, () => {
      expect(sameJson(one, other)).to.equal(true);
    });
  }

  const different: [JsonValue, JsonValue][] = [
    [null, {}],
    [0, '0'],
    [false, null],
    [{}, []],
    [
      [1, 2],
      [2, 1],
    ],
    [[1], [1, 2]],
    [['a'], { 0: 'a' }],
    [{ a: null }, { b: null }],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ toString: null }, { a: null }],
    [{ a: null }, { toString: null }],
  ];
  for (const [one, other] of different) {
    it(`differ: ${JSON.stringify(one)} and ${JSON.stringify(other)}`, () => {
      expect(sameJson(one, other)).to.equal(false);
      expect(sameJson(other, one)).to.equal(false);
    });
  }
});
