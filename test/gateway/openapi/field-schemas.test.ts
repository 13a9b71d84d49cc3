import { create, setExtension, type MessageInitShape } from '@bufbuild/protobuf';
import { FieldOptionsSchema } from '@bufbuild/protobuf/wkt';
import { field as fieldRules, FieldRulesSchema } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { expect } from 'chai';
import { facetsOf, splitComment } from '../../../src/gateway/openapi/field-schemas.ts';
import { CreateBookRequestSchema } from '../gen/example/v1/example_pb.ts';

type Rules = MessageInitShape<typeof FieldRulesSchema>;

/** What is said of a text without presence that has these rules. */
function facets(rules: Rules): object {
  const options = create(FieldOptionsSchema);
  setExtension(options, fieldRules, create(FieldRulesSchema, rules));
  const { kind: field } = CreateBookRequestSchema.field;
  return facetsOf({ ...field, proto: { ...field.proto, options } });
}

describe('the rules of a field', () => {
  const cases: Record<string, [rules: Rules, expected: object]> = {
    none: [{}, {}],
    'required, of a text without presence': [{ required: true }, { minLength: 1 }],
    'required, with a length': [{ required: true, type: { case: 'string', value: { minLen: 5n } } }, { minLength: 5 }],
    lengths: [{ type: { case: 'string', value: { minLen: 0n, maxLen: 9n } } }, { minLength: 0, maxLength: 9 }],
    'an exact length': [{ type: { case: 'string', value: { len: 3n } } }, { minLength: 3, maxLength: 3 }],
    'a pattern': [{ type: { case: 'string', value: { pattern: '^a+$' } } }, { pattern: '^a+$' }],
    'a pattern that JavaScript does not know': [{ type: { case: 'string', value: { pattern: '(?i)^a$' } } }, {}],
    'a prefix': [{ type: { case: 'string', value: { prefix: 'a.b(' } } }, { pattern: String.raw`^a\.b\(` }],
    'a UUID': [{ type: { case: 'string', value: { wellKnown: { case: 'uuid', value: true } } } }, { format: 'uuid' }],
    'a choice': [{ type: { case: 'string', value: { in: ['a', 'b'] } } }, { enum: ['a', 'b'] }],
    'one value': [{ type: { case: 'string', value: { const: 'a' } } }, { const: 'a' }],
    bounds: [
      {
        type: { case: 'int32', value: { greaterThan: { case: 'gte', value: 1 }, lessThan: { case: 'lte', value: 9 } } },
      },
      { minimum: 1, maximum: 9 },
    ],
    'bounds that are left out': [
      {
        type: { case: 'int64', value: { greaterThan: { case: 'gt', value: 0n }, lessThan: { case: 'lt', value: 9n } } },
      },
      { exclusiveMinimum: 0, exclusiveMaximum: 9 },
    ],
    'numbers to choose from': [{ type: { case: 'int64', value: { in: [1n, 2n] } } }, { enum: [1, 2] }],
    'those of a list and of its items': [
      {
        type: {
          case: 'repeated',
          value: {
            minItems: 1n,
            maxItems: 2n,
            unique: true,
            items: { type: { case: 'string', value: { maxLen: 3n } } },
          },
        },
      },
      { minItems: 1, maxItems: 2, uniqueItems: true, items: { maxLength: 3 } },
    ],
    'those of a map, its names and values': [
      {
        type: {
          case: 'map',
          value: {
            minPairs: 1n,
            maxPairs: 2n,
            keys: { type: { case: 'string', value: { minLen: 1n } } },
            values: { type: { case: 'string', value: { maxLen: 3n } } },
          },
        },
      },
      { minProperties: 1, maxProperties: 2, propertyNames: { minLength: 1 }, additionalProperties: { maxLength: 3 } },
    ],
    'those of bytes, whose length is not that of their text': [{ type: { case: 'bytes', value: { maxLen: 3n } } }, {}],
    'what has no word': [{ type: { case: 'string', value: { notIn: ['a'], maxBytes: 3n } } }, {}],
  };
  for (const [title, [rules, expected]] of Object.entries(cases)) {
    it(`are described in JSON Schema: ${title}`, () => expect(facets(rules)).to.deep.equal(expected));
  }
});

describe('a comment of a field', () => {
  it('begins with how the field behaves', () => {
    expect(splitComment('Output only. UUID.')).to.deep.equal({ behaviour: 'Output only', text: 'UUID.' });
    expect(splitComment('Required.')).to.deep.equal({ behaviour: 'Required', text: '' });
  });

  it('is kept whole where that has a condition, or is absent', () => {
    const comment = 'Required, unless `key` is there.';
    expect(splitComment(comment)).to.deep.equal({ behaviour: undefined, text: comment });
    expect(splitComment(undefined)).to.deep.equal({ behaviour: undefined, text: '' });
  });
});
