import { expect } from 'chai';
import { array, assert, constantFrom, double, jsonValue, letrec, oneof, property, string, tuple } from 'fast-check';
import { isExactNumber } from '../../src/vault/decimal.ts';
import { describeTextFlaw, type JsonTextFlaw } from '../../src/vault/json-scan.ts';
import { limits } from '../../src/vault/limits.ts';
import { parseJson, readJson } from '../../src/vault/read-json.ts';

function flawIn(text: string): JsonTextFlaw | undefined {
  return readJson(text).flaw;
}

describe('a number in JSON', () => {
  const exact =
    '0 -0 0.0 -0.0e5 0e999999999999 0.1 1.10 1e2 100e-2 1.0 1E+2 123456789012345 9007199254740991 9007199254740992 -9007199254740992 9007199254740994 0.30000000000000004 1.7976931348623157e308 5e-324 1e22 1e23 123456789012345680 17976931348623157e292 123e-20 0.000001 1e21 10000000000000000000000 5.0e-324 100000000000000000000.00';
  for (const text of exact.split(' ')) {
    it(`keeps its value: ${text}`, () => {
      expect(isExactNumber(text)).to.equal(true);
    });
  }

  const inexact =
    '9007199254740993 -9007199254740993 12345678901234567890 1e400 -1e400 1e-400 2e-324 0.1000000000000000055511151231257827 0.1000000000000000000000000000000001 3.14159265358979323846 9007199254740992.5 1e309 1e9999999999999999999999';
  for (const text of inexact.split(' ')) {
    it(`changes its value: ${text}`, () => {
      expect(isExactNumber(text)).to.equal(false);
    });
  }

  it('keeps its value where ECMAScript has written it', () => {
    assert(
      property(double({ noNaN: true, noDefaultInfinity: true }), (number) => isExactNumber(JSON.stringify(number))),
    );
  });

  it('is compared with the value of what ECMAScript writes, whatever its digits are', () => {
    const numbers = tuple(
      constantFrom('', '-'),
      digitsUpTo(20),
      digitsUpTo(20),
      constantFrom('', 'e-5', 'E7', 'e+300', 'e305', 'e-300', 'e-310', 'e-330', 'e0000001'),
    );
    const texts = numbers.map(([sign, whole, fraction, power]) => `${sign}${BigInt(whole)}.${fraction}${power}`);
    assert(
      property(texts, (text) => isExactNumber(text) === sameValue(text, String(Number(text)))),
      { numRuns: 2_000 },
    );
  });
});

describe('JSON of a request with many values', () => {
  const most = limits.jsonMarks;
  const texts: Readonly<Record<string, string>> = {
    items: items(most + 1),
    members: `{${Array.from({ length: most / 2 + 1 }, (_none, index) => `"${index}":1`).join(',')}}`,
    'objects without members': `[${'{},'.repeat(most / 2)}{}]`,
    lists: `[${'[],'.repeat(most / 2)}[]]`,
    'objects that are nested': '{"a":'.repeat(most / 2 + 1),
    'lists that are never closed': '['.repeat(most + 1),
  };
  for (const [what, text] of Object.entries(texts)) {
    it(`is not parsed: ${what}`, () => {
      const { value, flaw } = readJson(text);
      expect([value, flaw?.rule]).to.deep.equal([null, 'too_many_values']);
      expect(describeTextFlaw(requireFlaw(flaw))).to.equal(
        'body has more than 65536 commas, colons and opening brackets',
      );
    });
  }

  it('is read up to the limit, and commas in texts are none', () => {
    const text = `[${items(most - 2)},"${',:[{'.repeat(most)}\\"[[[\\\\"]`;
    expect(readJson(text).flaw).to.equal(undefined);
    expect(readJson(`[${text}]`).flaw?.rule).to.equal('too_many_values');
  });

  it('is refused as no JSON where a text has no end', () => {
    for (const text of ['"', '["', '"\\"', '{"a":"\\']) {
      expect(() => readJson(text + ' '.repeat(most)), text).to.throw(SyntaxError);
    }
  });

  it('leaves room for the largest secret and metadata, whatever they are made of', () => {
    for (const object of ['[],', '1,', '{"":1},']) {
      const value = (bytes: number) => `{"a":[${object.repeat((bytes - 10) / object.length)}0]}`;
      const text = `{"secret":${value(limits.secretBytes)},"metadata":${value(limits.metadataBytes)}}`;
      expect(readJson(text).flaw).to.equal(undefined);
    }
  });
});

function items(count: number): string {
  return `[${Array.from({ length: count }, () => '1').join(',')}]`;
}

function requireFlaw(flaw: JsonTextFlaw | undefined): JsonTextFlaw {
  if (!flaw) throw new Error('there is no flaw');
  return flaw;
}

function digitsUpTo(maxLength: number) {
  return string({ unit: constantFrom('0', '1', '4', '5', '9'), minLength: 1, maxLength });
}

function nested(levels: number): string {
  return `${'[{"a":'.repeat(levels / 2)}0${'}]'.repeat(levels / 2)}`;
}

/** By whole numbers of any size. */
function sameValue(one: string, other: string): boolean {
  if (other.includes('Infinity')) return false;
  const [left, right] = [fractionOf(one), fractionOf(other)];
  return left.numerator * right.denominator === right.numerator * left.denominator;
}

function fractionOf(text: string): { numerator: bigint; denominator: bigint } {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const exponent = Number(power) - fraction.length;
  const digits = BigInt(whole + fraction);
  return exponent < 0
    ? { numerator: digits, denominator: 10n ** BigInt(-exponent) }
    : { numerator: digits * 10n ** BigInt(exponent), denominator: 1n };
}

describe('a JSON text', () => {
  const flawed: Readonly<Record<string, string>> = {
    '{"a":1,"a":1}': 'a is sent more than once',
    '{"a":1,"\\u0061":1}': 'a is sent more than once',
    '{"\\/":1,"/":1}': '/ is sent more than once',
    '{"__proto__":1,"__proto__":2}': '__proto__ is sent more than once',
    '{"":1,"":2}': ' is sent more than once',
    '{"a":{"b":1},"c":{"b":1,"d":"}","b":2}}': 'c.b is sent more than once',
    '[0,[{"a":[1,{"b":1,"b":2}]}]]': '1.0.a.1.b is sent more than once',
    '{ "a" : {} , "x" : [ ] , "a" : 1 }': 'a is sent more than once',
    '{"a\\\\":1,"b\\"":2,"a\\\\":3}': 'a\\ is sent more than once',
    '{"a":{"b":[1,2,9007199254740993]}}': 'a.b.2 is a number that a double cannot hold exactly',
    '{"a":1e400,"b":{"c":1,"c":1}}': 'a is a number that a double cannot hold exactly',
    '9007199254740993': 'body is a number that a double cannot hold exactly',
  };
  for (const [text, sentence] of Object.entries(flawed)) {
    it(`is refused, with the place: ${text}`, () => {
      const flaw = flawIn(text);
      expect(flaw && describeTextFlaw(flaw)).to.equal(sentence);
    });
  }

  const faithful = [
    '{"a":"{\\"a\\":1,\\"a\\":2}","b":":::","c:":{"a":1}}',
    '{"a":[{"a":1},{"a":1}],"b":{"a":{"a":1}}}',
    '{"a":"9007199254740993","9007199254740993":1}',
    '{"a":"\\\\","b":"\\\\\\"","c":"\\\\\\\\"}',
    '[true,false,null,-1.5e3,[],{},""]',
    '{"a":1,"A":2,"\\u0041\\u0300":3}',
    ' "x" ',
  ];
  for (const text of faithful) {
    it(`is taken: ${text}`, () => {
      expect(flawIn(text)).to.equal(undefined);
    });
  }

  it('reports at which character the second of two members begins', () => {
    expect(flawIn('{"a":1, "a":2}')).to.deep.equal({ rule: 'duplicate_member', offset: 8, path: ['a'] });
  });

  it('is not looked at below 64 levels, and its deepest is refused as such', () => {
    expect(flawIn(nested(64))).to.equal(undefined);
    expect(flawIn(nested(66))).to.include({ rule: 'too_deep' });
    expect(flawIn('['.repeat(60_000) + ']'.repeat(60_000))).to.include({ rule: 'too_deep' });
  });

  it('quotes no more than 256 characters of a place', () => {
    const name = '😀'.repeat(5_000);
    const flaw = flawIn(`{"${name}":1,"${name}":2}`);
    expect(flaw && describeTextFlaw(flaw).length).to.be.lessThan(300);
  });

  it('is taken where ECMAScript has written it, whatever it holds', () => {
    assert(property(jsonValue(), (value) => flawIn(JSON.stringify(value)) === undefined));
  });

  it('is read with the names that it has, whatever names were read before', () => {
    // What V8 13.6 itself reads here depends on which objects it has seen.
    const names = ['\\\\', '\\u0061', '\\n', '\\"', 'x\\\\', 'x\\n', 'x\\"', 'x\\u005c'];
    for (const name of [...names, ...names]) {
      const text = `{"first":0,"${name}":[{"first":0,"${name}":1,"last":{}}]}`;
      const decoded = String(JSON.parse(`"${name}"`));
      const expected = { first: 0, [decoded]: [{ first: 0, [decoded]: 1, last: {} }] };
      expect(parseJson(text)).to.deep.equal(expected);
      expect(readJson(text)).to.deep.equal({ value: expected, flaw: undefined });
    }
  });

  it('is read as JSON.parse reads it, without names that are escaped', () => {
    const values = jsonValue({ stringUnit: constantFrom('a', 'b', '\\', '"', '\n', ':', '😀', ' ') });
    assert(
      property(values, (value) => {
        const text = JSON.stringify(value, null, 1);
        // Compared as texts, in which there is no -0.
        expect(JSON.stringify(readJson(text).value)).to.equal(JSON.stringify(value));
        expect(JSON.stringify(parseJson(text))).to.equal(JSON.stringify(value));
      }),
      { numRuns: 500 },
    );
  });

  it('is refused exactly where some object has a name twice', () => {
    const name = constantFrom('a', 'b', '\\u0061', 'a\\"', '\\\\', ':');
    const leaf = constantFrom('0', '"a"', '":{\\""', 'null', '[]', '[{"a":0},{"a":0}]');
    const { node } = letrec<{ node: Node }>((tie) => ({
      node: oneof({ maxDepth: 4 }, leaf, array(tuple(name, tie('node')), { maxLength: 3 })),
    }));
    assert(
      property(node, (tree) => (flawIn(textOfTree(tree)) !== undefined) === hasTwice(tree)),
      { numRuns: 2_000 },
    );
  });
});

/** A JSON text, or the members of an object: names as they are spelled, which may be the same. */
type Node = string | [name: string, value: Node][];

function textOfTree(node: Node): string {
  if (typeof node === 'string') return node;
  return `{${node.map(([name, value]) => `"${name}":${textOfTree(value)}`).join()}}`;
}

function hasTwice(node: Node): boolean {
  if (typeof node === 'string') return false;
  const names = node.map(([name]) => name.replace('\\u0061', 'a'));
  return new Set(names).size < names.length || node.some(([, value]) => hasTwice(value));
}
