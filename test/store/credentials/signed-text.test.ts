import { expect } from 'chai';
import type { ColumnRule } from '../../../src/store/entities/credential.ts';
import { signedText } from '../../../src/store/credentials/signed-text.ts';

type Rule = Pick<ColumnRule, 'type' | 'signed'>;
type Row = Readonly<Record<string, unknown>>;

const released: Readonly<Record<string, Rule>> = {
  name: { type: 'text', signed: 'by place' },
  scope: { type: 'text', signed: 'by place' },
  uses: { type: 'bigint', signed: 'no' },
};
const added: Readonly<Record<string, Rule>> = {
  note: { type: 'text', signed: 'by name' },
  owners: { type: 'text[]', signed: 'by name' },
  links: { type: 'jsonb', signed: 'by name' },
  reviewedAt: { type: 'timestamptz', signed: 'by name' },
  isShared: { type: 'boolean', signed: 'by name' },
};
const unset: Row = { note: null, owners: null, links: null, reviewedAt: null, isShared: null };

const textOf = (rules: Readonly<Record<string, Rule>>, row: Row) =>
  signedText(Object.keys(rules), rules)((property) => row[property]);

describe('the text under the MAC of a row', () => {
  const row: Row = { name: 'OpenAI', scope: null, uses: 7 };
  const everything = { ...released, ...added };

  it('has the values of the first columns in their places, and none that is not signed', () => {
    expect(textOf(released, row)).to.equal('["OpenAI",null]');
  });

  it('is the same with columns that were added and are not set', () => {
    expect(textOf(everything, { ...row, ...unset })).to.equal(textOf(released, row));
    expect(textOf(everything, row)).to.equal(textOf(released, row));
  });

  it('has those that are set by their names, behind the others', () => {
    const set = {
      note: '',
      owners: ['b', 'a'],
      links: { z: '1', a: '2' },
      reviewedAt: new Date(5),
      isShared: false,
    };
    expect(textOf(everything, { ...row, ...set })).to.equal(
      '["OpenAI",null,{"note":"","owners":["b","a"],"links":[["a","2"],["z","1"]],"reviewedAt":"5","isShared":false}]',
    );
  });

  for (const [property, value] of Object.entries({ note: 'mine', owners: [], links: {}, isShared: true })) {
    it(`differs where only ${property} is set`, () => {
      const text = textOf(everything, { ...row, ...unset, [property]: value });
      expect(text).to.not.equal(textOf(released, row));
      expect(text).to.include(`{"${property}":`);
    });
  }

  for (const [property, value] of Object.entries({ name: 7, note: 7, owners: 'mine', links: 'mine' })) {
    it(`cannot be made where ${property} is of another type`, () => {
      expect(() => textOf(everything, { ...row, ...unset, [property]: value })).to.throw(TypeError);
    });
  }
});
