import { expect } from 'chai';
import { EtagChain, Lives, Register } from './history.ts';

describe('the model of a run of the load', () => {
  it('takes changes that follow one another, and refusals of states that are over', () => {
    const chain = chainOf(['a', 'b'], ['b', 'c']);
    chain.refused('a');
    expect(chain.faults('c')).to.deep.equal([]);
  });

  it('notices a change that got lost', () => {
    expect(chainOf(['a', 'b'], ['b', 'c']).faults('b')).to.have.length(1);
    expect(chainOf(['a', 'b'], ['x', 'c']).faults('b')).to.have.length(1);
  });

  it('notices two changes of one state', () => {
    expect(chainOf(['a', 'b'], ['a', 'c']).faults('c')).to.include('two changes of one state were acknowledged');
  });

  it('notices the refusal of a state that was not stale', () => {
    const chain = chainOf(['a', 'b']);
    chain.refused('b');
    expect(chain.faults('b')).to.have.length(1);
  });

  it('lets a value be read while it is written, and until the next one is', () => {
    const register = new Register('first');
    register.wrote('second', { start: 2, end: 6 });
    register.read('second', { start: 1, end: 3 });
    register.read('first', { start: 5, end: 7 });
    register.read('second', { start: 8, end: 9 });
    expect(register.faults()).to.deep.equal([]);
  });

  it('notices a value that was overwritten, not yet written, or never', () => {
    const register = new Register('first');
    register.wrote('second', { start: 4, end: 5 });
    register.read('first', { start: 6, end: 7 });
    register.read('second', { start: 1, end: 3 });
    register.read('third', { start: 6, end: 7 });
    expect(register.faults()).to.have.length(3);
  });

  it('lets a name be had once it is free, and be refused while it is not', () => {
    const lives = new Lives();
    lives.began({ start: 1, end: 2 });
    lives.ended({ start: 3, end: 6 });
    lives.began({ start: 4, end: 5 });
    lives.refused({ start: 7, end: 8 });
    expect(lives.faults()).to.deep.equal([]);
  });

  it('notices a name that two had, and one that was refused while it was free', () => {
    const twice = new Lives();
    twice.began({ start: 1, end: 2 });
    twice.began({ start: 3, end: 4 });
    expect(twice.faults()).to.deep.equal(['two had the name at once']);
    const free = new Lives();
    free.began({ start: 1, end: 2 });
    free.ended({ start: 3, end: 4 });
    free.refused({ start: 5, end: 6 });
    expect(free.faults()).to.deep.equal(['a name was called taken that was free']);
  });
});

function chainOf(...changes: readonly (readonly [from: string, to: string])[]): EtagChain {
  const chain = new EtagChain('a');
  for (const [from, to] of changes) chain.changed(from, to);
  return chain;
}
