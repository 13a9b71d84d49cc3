import { expect } from 'chai';
import { splitComment } from '../../../src/gateway/openapi/comments.ts';

describe('a comment of a field', () => {
  it('says first how the field behaves', () => {
    expect(splitComment('Output only. UUID.')).to.deep.equal({ behaviour: 'Output only', text: 'UUID.' });
    expect(splitComment('Required.')).to.deep.equal({ behaviour: 'Required', text: '' });
  });

  it('is kept whole where it says it under a condition, or not at all', () => {
    const comment = 'Required, unless `key` is there.';
    expect(splitComment(comment)).to.deep.equal({ behaviour: undefined, text: comment });
    expect(splitComment(undefined)).to.deep.equal({ behaviour: undefined, text: '' });
  });
});
