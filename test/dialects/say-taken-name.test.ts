import { expect } from 'chai';
import { sayTakenName } from '../../src/dialects/say-taken-name.ts';
import { VaultError } from '../../src/vault/errors.ts';

async function refusalOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.fail('was not refused'),
    (error: unknown) => error,
  );
}

describe('a change whose name may be taken', () => {
  it('answers what the change answers', async () => {
    expect(await sayTakenName('taken', Promise.resolve(7))).to.equal(7);
  });

  it('is refused in the words of the dialect where the name is taken', async () => {
    const taken = new VaultError('name_taken', 'name is taken', { resource: 'credential' });
    const refusal = await refusalOf(sayTakenName("'A' is taken", Promise.reject(taken)));
    expect(refusal).to.be.instanceOf(VaultError).that.includes({ code: 'name_taken', message: "'A' is taken" });
    expect(refusal).to.have.property('details').that.deep.equals({ resource: 'credential' });
  });

  for (const error of [new VaultError('etag_stale', 'stale'), new TypeError('a bug')]) {
    it(`leaves any other refusal as it is: ${error.name}`, async () => {
      expect(await refusalOf(sayTakenName('taken', Promise.reject(error)))).to.equal(error);
    });
  }
});
