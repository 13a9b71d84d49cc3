import { expect } from 'chai';
import { describeFault } from '../../src/dialects/describe-fault.ts';
import type { Fault } from '../../src/gateway/dialect.ts';

const fault: Fault = { source: 'body', path: ['data', 'tags', 0], rule: 'other', input: 'a private value' };

describe('the sentence for a fault', () => {
  const sentences: readonly [Partial<Fault>, string][] = [
    [{ rule: 'missing' }, 'data.tags.0 is required'],
    [{ rule: 'not_string' }, 'data.tags.0 must be a string'],
    [{ rule: 'too_long', expected: 255 }, 'data.tags.0 must be at most 255 characters'],
    [{ rule: 'not_in_enum', expected: ['key', 'json'] }, 'data.tags.0 must be one of key, json'],
    [{ rule: 'not_object', path: [] }, 'body must be an object'],
    [{ rule: 'other' }, 'data.tags.0 is not acceptable'],
  ];
  for (const [change, sentence] of sentences) {
    it(`is: ${sentence}`, () => {
      expect(describeFault({ ...fault, ...change })).to.equal(sentence);
    });
  }
});
