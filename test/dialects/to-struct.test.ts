import { expect } from 'chai';
import { toStruct } from '../../src/dialects/to-struct.ts';

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
