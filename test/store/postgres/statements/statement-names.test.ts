import { expect } from 'chai';
import { StatementNames } from '../../../../src/store/postgres/statements/statement.ts';

describe('the names of statements', () => {
  it('are the same for the same text, and differ for different texts', () => {
    const names = new StatementNames('list');
    expect([names.nameOf('a'), names.nameOf('b'), names.nameOf('a')]).to.deep.equal(['list 1', 'list 2', 'list 1']);
  });

  it('run out, and those that are known stay', () => {
    const names = new StatementNames('list');
    const given = Array.from({ length: 1_000 }, (_, index) => names.nameOf(`text ${index}`)).filter(
      (name) => name !== '',
    );
    expect(new Set(given).size).to.equal(given.length).and.to.be.within(16, 256);
    expect(names.nameOf('text 0')).to.equal('list 1');
    expect(names.nameOf('one more')).to.equal('');
  });
});
