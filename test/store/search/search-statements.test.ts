import { expect } from 'chai';
import * as fc from 'fast-check';
import { accessPathsOf, wholeWorkspace } from '../../../src/store/search/access-paths.ts';
import { endOfPrefix } from '../../../src/store/search/compile-filter.ts';
import {
  countEntries,
  countMatches,
  sortCandidates,
  walkInOrder,
} from '../../../src/store/search/search-statements.ts';
import { StatementNames, type Statement } from '../../../src/store/postgres/statements/statement.ts';
import { parseFilter } from '../../../src/vault/search/filter-parser.ts';
import { parseOrder } from '../../../src/vault/search/order.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { anyFilter, anyOrder } from '../../vault/search/filter-model.ts';

const workspaceId = '018cc251-f400-7000-8000-000000000001';
const now = new Date('2024-01-01T00:00:00Z');

/** Everything that a statement consists of besides the numbers of its parameters: the words of SQL, columns and operators. */
const known = new Set(
  `select from where and or not is true false null as order by asc desc nulls last limit offset any in on left cross join lateral
   distinct count row_number over lower upper right replace ilike collate text uuid timestamptz bigint int c t r w e s f number
   looked credential credential_term C infinity tag label workspaceId exclusiveName isMatch 0 1 16`
    .split(/\s+/)
    .filter((one) => one !== ''),
);

describe('the statements of a search', () => {
  it('have no text of a filter in them, however hostile: they are the same for other values, and made of known words', () => {
    const check = fc.property(anyFilter, anyOrder, ({ text }, order) => {
      for (const statement of statementsOf(text, order.text)) expectKnown(statement);
    });
    fc.assert(check, { numRuns: 500 });
  });

  it('have none of any text that is accepted', () => {
    const value = fc.string({ unit: 'binary', maxLength: 40 });
    const check = fc.property(value, value, fc.boolean(), (one, other, isQuoted) => {
      const write = (text: string) => (isQuoted ? `"${text.replace(/["\\*]/g, '\\$&')}"` : text);
      for (const text of [
        `name = ${write(one)} OR labels.${write(other)} = ${write(one)}`,
        `tags:${write(one)} AND -subject = ${write(other)}*`,
        one,
      ]) {
        for (const statement of statementsUnlessRefused(text)) expectKnown(statement);
      }
    });
    fc.assert(check, { numRuns: 300 });
  });

  it('have one time for all states', () => {
    const [walk] = statementsOf('state = ACTIVE OR state = EXPIRED OR state != INACTIVE', '');
    expect(walk?.values.filter((value) => value === now)).to.have.length(1);
  });

  it('bound a prefix by the next text in the order of code points', () => {
    const ends = { al: 'am', 'a\u{d7ff}': 'a\u{e000}', 'a\u{10ffff}': 'b', '\u{ffff}': '\u{10000}' };
    for (const [prefix, end] of Object.entries(ends)) expect(endOfPrefix(prefix)).to.equal(end);
    expect(endOfPrefix('\u{10ffff}')).to.equal(undefined);
    const check = fc.property(
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.string({ unit: 'binary' }),
      (prefix, rest) => {
        const end = endOfPrefix(prefix);
        if (end === undefined) return;
        expect(Buffer.compare(Buffer.from(prefix + rest), Buffer.from(end))).to.equal(-1);
        expect(end.isWellFormed()).to.equal(true);
      },
    );
    fc.assert(check, { numRuns: 500 });
  });
});

function expectKnown({ name, text }: Statement): void {
  expect(name).to.match(/^(search \d+)?$/);
  const words = text
    .replaceAll(/\$\d+/g, '')
    .replaceAll(/"[^"]*"/g, (quoted) => (columns.has(quoted.slice(1, -1)) ? '' : quoted))
    .replaceAll(/c\.[a-z_]+/g, '')
    .match(/[^\s()[\],.:=<>*|&'"+-]+/g);
  expect([...new Set(words)].filter((word) => !known.has(word) && !columns.has(word))).to.deep.equal([]);
  expect(text).not.to.match(/--|;|\/\*/);
}

/** The columns and properties of a credential and of a term, from a statement without a filter. */
const columns = new Set(
  (statementsOf('', '')[0]?.text.match(/"[^"]+"/g) ?? [])
    .map((quoted) => quoted.slice(1, -1))
    .concat('workspace_id', 'credential_id', 'created_at', 'id', 'kind', 'key', 'value', 'deleted_at', 'created_by'),
);

function statementsUnlessRefused(text: string): readonly Statement[] {
  try {
    return statementsOf(text, '');
  } catch (error) {
    if (error instanceof VaultError) return [];
    throw error;
  }
}

function statementsOf(text: string, orderBy: string): readonly Statement[] {
  const names = new StatementNames('search');
  const filter = parseFilter(text);
  const order = parseOrder(orderBy);
  const values = order.map(({ field }) => (field === 'name' || field === 'provider' ? "'; --" : new Date(0)));
  const criteria = { filter, order, after: { values, id: workspaceId }, deletedToo: false, now };
  const extent = { looked: 1, matches: 1 };
  const paths = [wholeWorkspace(workspaceId, 'createdAt'), ...accessPathsOf(workspaceId, filter)];
  return paths.flatMap((path) => [
    walkInOrder(path, criteria, extent, names),
    sortCandidates(path, criteria, extent, names),
    countMatches(path, criteria, names),
    countEntries(path, 1, names),
  ]);
}
