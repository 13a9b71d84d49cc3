import { expect } from 'chai';
import {
  array,
  assert as check,
  asyncProperty,
  bigInt,
  boolean,
  date,
  dictionary,
  integer,
  option,
  string,
  uint8Array,
  type Arbitrary,
} from 'fast-check';
import { parameterOf } from '../../../../src/store/postgres/statements/parameters.ts';
import { openTestStores, type TestStores } from '../../fixtures.ts';

// PostgreSQL cannot store U+0000.
const text = string({ unit: 'grapheme', maxLength: 20 }).map((some) => some.replaceAll('\0', ''));
const bytes = uint8Array({ maxLength: 40 }).map((some) => Buffer.from(some));
// PostgreSQL begins in 4714 BC; JavaScript ends in the year 275760, and a day before by the clocks of some.
const time = date({
  min: new Date('-004700-01-01T00:00:00Z'),
  max: new Date('+275760-01-01T00:00:00Z'),
  noInvalidDate: true,
});
const json = dictionary(text, option(text), { noNullPrototype: true });

const types: Readonly<Record<string, Arbitrary<unknown>>> = {
  text,
  uuid: bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((number) =>
    number
      .toString(16)
      .padStart(32, '0')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  ),
  boolean: boolean(),
  int: integer(),
  bigint: integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  bytea: bytes,
  timestamptz: time,
  json,
  jsonb: json,
  'text[]': array(text),
};

describe('a parameter', () => {
  let test: TestStores;

  before(async () => {
    test = await openTestStores();
  });

  after(async () => {
    await test.close();
  });

  async function returned(type: string, value: unknown, timeZone: string): Promise<unknown> {
    const [row] = await test.database.transact({}, async (transaction) => {
      await transaction.run({ name: '', text: `select set_config('timezone', $1, true)`, values: [timeZone] });
      return transaction.run<{ value: unknown }>({ name: '', text: `select $1::${type} as value`, values: [value] });
    });
    return row?.value;
  }

  for (const [type, values] of Object.entries(types)) {
    it(`of the type ${type} is read as it was given, or null`, async () => {
      await check(
        asyncProperty(option(values), async (value) => {
          for (const timeZone of ['UTC', 'Asia/Kathmandu', 'America/St_Johns']) {
            expect(await returned(type, value, timeZone)).to.deep.equal(value);
          }
        }),
        { numRuns: 60 },
      );
    });

    it(`of the type ${type} is the same in an array`, async () => {
      await check(
        asyncProperty(array(option(values), { maxLength: 5 }), async (some) => {
          const list = type.endsWith('[]') ? some.map((value) => value && parameterOf(value)) : some;
          const rows = await test.database.query<{ value: unknown }>({
            name: '',
            text: `select value::${type} as value from unnest($1::${type.replace('[]', '')}[]) as t (value)`,
            values: [list],
          });
          expect(rows.map(({ value }) => value)).to.deep.equal(some);
        }),
        { numRuns: 60 },
      );
    });
  }

  it('of arrays of bytes travels as bytes', async () => {
    const list = [Buffer.from([0, 1, 255]), Buffer.alloc(0), Buffer.alloc(3_000, 7)];
    const rows = await test.database.query<{ value: Buffer }>({
      name: '',
      text: 'select value from unnest($1::bytea[]) as t (value)',
      values: [list],
    });
    expect(rows.map(({ value }) => value)).to.deep.equal(list);
  });

  it('is refused where no column can hold it', () => {
    for (const value of [new Date(Number.NaN), () => 1, Symbol('s'), [new Date(Number.NaN)]]) {
      expect(() => parameterOf(value)).to.throw();
    }
  });
});
