import { expect } from 'chai';
import { describeFault, describeFaults, withNameConflictMessage } from '../../../src/dialects/shared/errors.ts';
import type { Fault } from '../../../src/gateway/contract/dialect.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { rejectionOf } from '../../support/refusals.ts';

const fault: Fault = { source: 'body', path: ['data', 'tags', 0], rule: 'other', input: 'a private value' };

describe('the sentence for a fault', () => {
  const sentences: readonly [Partial<Fault>, string][] = [
    [{ rule: 'missing' }, 'data.tags.0 is required'],
    [{ rule: 'not_string' }, 'data.tags.0 must be a string'],
    [{ rule: 'too_long', expected: 255 }, 'data.tags.0 must be at most 255 characters'],
    [{ rule: 'too_few', expected: 1 }, 'data.tags.0 must have at least 1 member'],
    [{ rule: 'too_many', expected: 100 }, 'data.tags.0 must have at most 100 members'],
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

describe('the sentence for several faults', () => {
  it('names each of them', () => {
    expect(describeFaults({ faults: faults(2) })).to.equal('name.0 is not acceptable; name.1 is not acceptable');
    expect(describeFaults({ faults: faults(100) })).to.match(/name\.99 is not acceptable$/);
  });

  const cut = {
    'there are more': { faults: faults(2), hasMore: true },
    'they are more than 100': { faults: faults(101) },
    'they take more than 16 KiB': { faults: faults(100, 'n'.repeat(256)) },
  };
  for (const [title, list] of Object.entries(cut)) {
    it(`names the first one where ${title}, and states that there are more`, () => {
      expect(describeFaults(list)).to.match(/^n[^;]*\.0 is not acceptable; and more$/);
    });
  }
});

function faults(count: number, name = 'name'): Fault[] {
  return Array.from({ length: count }, (_, index) => ({
    source: 'body',
    path: [name, index],
    rule: 'other',
    input: 1,
  }));
}

describe('a change whose name may be taken', () => {
  it('answers what the change answers', async () => {
    expect(await withNameConflictMessage('taken', Promise.resolve(7))).to.equal(7);
  });

  it('is refused in the words of the dialect where the name is taken', async () => {
    const taken = new VaultError('name_taken', 'name is taken', { resource: 'credential' });
    const refusal = await rejectionOf(withNameConflictMessage("'A' is taken", Promise.reject(taken)));
    expect(refusal).to.be.instanceOf(VaultError).that.includes({ code: 'name_taken', message: "'A' is taken" });
    expect(refusal).to.have.property('details').that.deep.equals({ resource: 'credential' });
  });

  for (const error of [new VaultError('etag_stale', 'stale'), new TypeError('a bug')]) {
    it(`leaves any other refusal as it is: ${error.name}`, async () => {
      expect(await rejectionOf(withNameConflictMessage('taken', Promise.reject(error)))).to.equal(error);
    });
  }
});
