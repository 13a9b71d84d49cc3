import { ScalarType, type DescField, type DescMessage, type DescMethod } from '@bufbuild/protobuf';
import type { FieldRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { expect } from 'chai';
import { isRequiredField, rulesOf } from '../../src/gateway/routes/message-fields.ts';
import { allComments, allServices } from '../support/routes.ts';

const services = await allServices();
const comments = await allComments();
const methods = services.flatMap((service) => service.methods);
const messages = messagesOf(methods);
const native = messages.filter(({ typeName }) => typeName.startsWith('coffer.'));
/** Fields that callers send, as their comments have it. */
const sent = native.flatMap(({ fields }) => fields).filter((field) => /^(Required|Optional)\./.test(commentOf(field)));

describe('the comment of a field', () => {
  for (const { typeName, fields } of messages) {
    it(`states whether it is required, optional or output only: each of ${typeName}`, () => {
      for (const field of fields)
        expect(commentOf(field), field.name).to.match(/^(Required|Optional|Output only)\. \S/);
    });
  }

  it('states that it is required exactly where the message is refused without it', () => {
    for (const { input } of methods.filter(isNative)) {
      for (const field of input.fields) {
        expect(commentOf(field).startsWith('Required.'), field.toString()).to.equal(isNeeded(field));
      }
    }
  });

  it('states that it is output only where it is in a response, and never in a request', () => {
    for (const { input, output } of methods.filter(isNative)) {
      for (const field of output.fields) expect(commentOf(field), field.toString()).to.match(/^Output only\./);
      for (const field of input.fields) expect(commentOf(field), field.toString()).to.match(/^(Required|Optional)\./);
    }
  });

  it('states the limit of what a caller sends', () => {
    const unlimited = sent.filter((field) => needsLimit(field) && !statesLimit(commentOf(field)));
    expect(unlimited.map((field) => `${field.toString()}: ${commentOf(field)}`)).to.deep.equal([]);
  });

  it('states each bound that is enforced by its rules', () => {
    for (const field of sent) {
      const numbers = commentOf(field).replaceAll(',', '').match(/\d+/g) ?? [];
      for (const bound of boundsOf(rulesOf(field))) {
        expect(numbers.map(Number), `${field.toString()}: ${commentOf(field)}`).to.include(bound);
      }
    }
  });

  it('states the default of what is optional', () => {
    const silent = sent.filter((field) => isOptional(field) && !statesDefault(commentOf(field)));
    expect(silent.map((field) => `${field.toString()}: ${commentOf(field)}`)).to.deep.equal([]);
  });
});

function isNative({ parent }: DescMethod): boolean {
  return parent.typeName.startsWith('coffer.');
}

function commentOf({ parent, name }: DescField): string {
  return comments[`${parent.typeName}.${name}`] ?? '';
}

function isOptional(field: DescField): boolean {
  return commentOf(field).startsWith('Optional.');
}

/** Whether a message is refused without the field: an empty list counts as none. */
function isNeeded(field: DescField): boolean {
  const rules = rulesOf(field)?.type;
  return isRequiredField(field) || (rules?.case === 'repeated' && rules.value.minItems > 0n);
}

/** Every message of the project that requests and responses consist of. */
function messagesOf(from: readonly DescMethod[]): readonly DescMessage[] {
  const found = new Map<string, DescMessage>();
  const add = (message: DescMessage | undefined): void => {
    if (!message || message.typeName.startsWith('google.') || found.has(message.typeName)) return;
    found.set(message.typeName, message);
    for (const field of message.fields) add(field.message);
  };
  for (const { input, output } of from) [input, output].forEach(add);
  return [...found.values()];
}

/** Booleans, enums and messages of the project have no limit themselves. */
function needsLimit(field: DescField): boolean {
  if (field.fieldKind === 'message') return field.message.typeName.startsWith('google.');
  return field.fieldKind !== 'enum' && !(field.fieldKind === 'scalar' && field.scalar === ScalarType.BOOL);
}

/** A number, a form of which all texts have one length, or all the values that there are. */
function statesLimit(comment: string): boolean {
  return /\d|UUID|one of `|any of `/.test(comment);
}

function statesDefault(comment: string): boolean {
  return /\bdefaults?\b|\bif (?:it is )?(?:empty|absent|unset|0)\b|\bwithout (?:it|them|a|an|one)\b/i.test(comment);
}

/** The greatest and least lengths and counts. */
function boundsOf(rules: FieldRules | undefined): readonly number[] {
  if (!rules) return [];
  const { case: kind, value } = rules.type;
  if (kind === 'string') return bounds(value.minLen, value.maxLen, value.len);
  if (kind === 'repeated') return [...bounds(value.minItems, value.maxItems), ...boundsOf(value.items)];
  if (kind !== 'map') return [];
  return [...bounds(value.minPairs, value.maxPairs), ...boundsOf(value.keys), ...boundsOf(value.values)];
}

/** A least length of 1 is stated as "not empty", or follows from being required. */
function bounds(...values: readonly bigint[]): readonly number[] {
  return values.filter((value) => value > 1n).map(Number);
}
