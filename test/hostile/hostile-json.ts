import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import type { JsonObject, JsonValue } from '../../src/vault/json.ts';
import { validMessage, validValue, type KnownValues } from './valid-message.ts';

/** Makes a hostile text of about so many bytes. */
export type HostileText = (bytes: number) => string;

/** The texts that a request for a message may be, each by what is wrong with it. */
export function hostileJson(message: DescMessage, known: KnownValues): Readonly<Record<string, HostileText>> {
  const base = validMessage(message, known);
  const cases: Record<string, HostileText> = { ...texts(message, base) };
  for (const [kind, value] of Object.entries(wrongValues)) {
    cases[`${kind} in every field`] = (bytes) => {
      const share = Math.floor(bytes / Math.max(1, message.fields.length));
      return JSON.stringify(Object.fromEntries(message.fields.map(({ name }) => [name, value(share)])));
    };
  }
  for (const { names, kind, value } of rightValues(message, known)) {
    const title = `${kind} in ${names.join('.')}`;
    cases[title] = (bytes) => JSON.stringify(withValue(base, names, value(bytes)));
    if (kind.startsWith('empty items'))
      cases[`${title}, and unknown members`] = (bytes) =>
        JSON.stringify({ ...withValue(base, names, value(bytes / 2)), ...objectOf(bytes / 2, 10, () => 1) });
  }
  return cases;
}

/** The same of those that protobuf's own JSON reader takes, as values. */
export function hostileMessages(
  message: DescMessage,
  known: KnownValues,
): Readonly<Record<string, (bytes: number) => JsonObject>> {
  const base = validMessage(message, known);
  return Object.fromEntries(
    rightValues(message, known).map(({ names, kind, value }) => [
      `${kind} in ${names.join('.')}`,
      (bytes: number) => withValue(base, names, value(bytes)),
    ]),
  );
}

function texts(message: DescMessage, base: JsonObject): Readonly<Record<string, HostileText>> {
  const valid = JSON.stringify(base);
  const first = message.fields[0]?.name ?? 'a';
  const around = (inner: string): string => `${valid.slice(0, -1)}${valid === '{}' ? '' : ','}${inner}}`;
  return {
    'unknown members': (bytes) => around(repeated(bytes, (index) => `"u${index}":1`)),
    'unknown members with long names': (bytes) => around(`"${'u'.repeat(bytes / 2)}":1,"${'v'.repeat(bytes / 2)}":1`),
    'the same member': (bytes) => around(repeated(bytes, () => `"${first}":1`)),
    'an array of numbers': (bytes) => `[${repeated(bytes, () => '1')}]`,
    'opening brackets': (bytes) => '['.repeat(bytes),
    'objects that are not closed': (bytes) => '{"a":'.repeat(bytes / 5),
    'nested arrays': (bytes) => around(`"a":${'['.repeat(bytes / 2)}${']'.repeat(bytes / 2)}`),
    'nested objects': (bytes) => around(`"a":${'{"a":'.repeat(bytes / 6)}1${'}'.repeat(bytes / 6)}`),
    'a string of escapes that is not closed': (bytes) => `{"a":"${'\\n'.repeat(bytes / 2)}`,
    'many digits': (bytes) => around(`"a":${'1'.repeat(bytes)}`),
    'white space': (bytes) => around(`"a":${' '.repeat(bytes)}1`),
  };
}

/** Values that fit hardly any field. */
const wrongValues: Readonly<Record<string, (bytes: number) => JsonValue>> = {
  numbers: (bytes) => listOf(bytes, 2, () => 1),
  'empty texts': (bytes) => listOf(bytes, 3, () => ''),
  'empty objects': (bytes) => listOf(bytes, 3, () => ({})),
  'a number of members': (bytes) => objectOf(bytes, 8, () => 1),
  'a long text': (bytes) => 'x'.repeat(bytes),
  'nested lists': (bytes) => listOf(bytes, 101, () => nested(50)),
  'U+0000': (bytes) => listOf(bytes, 9, () => '\0'),
};

interface RightValue {
  /** From the root. */
  readonly names: readonly string[];
  readonly kind: string;
  readonly value: (bytes: number) => JsonValue;
}

/** Values of the right type, each for one field at any depth. */
function rightValues(message: DescMessage, known: KnownValues, above: readonly DescMessage[] = []): RightValue[] {
  if (above.includes(message)) return [];
  return message.fields.flatMap((field): RightValue[] => {
    const names = [field.name];
    const own = kindsOf(field).map(([kind, value]): RightValue => ({ names, kind, value }));
    if (own.length > 0 || field.fieldKind !== 'message') return own;
    const base = validMessage(field.message, known);
    return rightValues(field.message, known, [...above, message]).map(({ names: below, kind, value }) => ({
      names,
      kind: `${kind} for ${below.join('.')}`,
      value: (bytes) => withValue(base, below, value(bytes)),
    }));
  });
}

type Kinds = readonly (readonly [kind: string, value: (bytes: number) => JsonValue])[];

function kindsOf(field: DescField): Kinds {
  if (field.fieldKind === 'list') return itemKinds(field);
  if (field.fieldKind === 'map') return [['many pairs', (bytes) => objectOf(bytes, 10, (index) => `v${index}`)]];
  if (field.message) return messageKinds[field.message.typeName] ?? [];
  if (field.scalar === ScalarType.STRING) return textKinds;
  return field.enum ? [] : [['many digits', (bytes) => '1'.repeat(bytes)]];
}

function itemKinds(field: DescField & { readonly fieldKind: 'list' }): Kinds {
  if (field.message) return [['many messages', (bytes) => listOf(bytes, 3, () => validMessage(field.message, {}))]];
  if (field.scalar !== ScalarType.STRING) return [['many items', (bytes) => listOf(bytes, 2, () => 1)]];
  return [
    ['many items', (bytes) => listOf(bytes, 8, (index) => `i${index}`)],
    ['the same item', (bytes) => listOf(bytes, 4, () => 'i')],
    ['empty items', (bytes) => listOf(bytes, 3, () => '')],
    ['numbers', (bytes) => listOf(bytes, 2, () => 1)],
  ];
}

const textKinds: Kinds = [
  ['a long text', (bytes) => 'x'.repeat(bytes)],
  ['a long text with dots and commas', (bytes) => 'a.b,'.repeat(bytes / 4)],
  ['a long text of quotes and backslashes', (bytes) => '"\\'.repeat(bytes / 4)],
  ['a long text in base64', (bytes) => Buffer.alloc((bytes * 3) / 4, 'credentials:').toString('base64url')],
];

const messageKinds: Readonly<Record<string, Kinds>> = {
  'google.protobuf.Struct': [
    ['many members', (bytes) => objectOf(bytes, 8, () => 1)],
    ['one long text', (bytes) => ({ a: 'x'.repeat(bytes) })],
    ['asterisks', (bytes) => ({ a: '*'.repeat(bytes), b: '•'.repeat(bytes / 3) })],
    ['nested objects', (bytes) => objectOf(bytes, 60, () => ({ a: { a: { a: nested(20) } } }))],
    ['lists of lists', (bytes) => ({ a: listOf(bytes, 101, () => nested(50)) })],
    ['nothing', () => ({})],
  ],
  'google.protobuf.Value': [['a list', (bytes) => listOf(bytes, 2, () => 1)]],
  'google.protobuf.FieldMask': [
    ['many paths', (bytes) => Array.from({ length: bytes / 5 }, () => 'name').join(',')],
    ['a long path', (bytes) => 'a_b.'.repeat(bytes / 4)],
  ],
  'google.protobuf.Timestamp': [['many fractional digits', (bytes) => `2030-01-01T00:00:00.${'1'.repeat(bytes)}Z`]],
};

function withValue(base: JsonObject, [name = '', ...below]: readonly string[], value: JsonValue): JsonObject {
  return { ...base, [name]: below.length === 0 ? value : withValue({}, below, value) };
}

function repeated(bytes: number, item: (index: number) => string): string {
  const width = item(99_999).length + 1;
  return Array.from({ length: Math.max(1, bytes / width) }, (_, index) => item(index)).join(',');
}

function listOf(bytes: number, width: number, item: (index: number) => JsonValue): JsonValue[] {
  return Array.from({ length: Math.max(1, bytes / width) }, (_, index) => item(index));
}

function objectOf(bytes: number, width: number, member: (index: number) => JsonValue): JsonObject {
  return Object.fromEntries(listOf(bytes, width, member).map((value, index) => [`m${index}`, value]));
}

function nested(depth: number): JsonValue {
  return depth === 0 ? [] : [nested(depth - 1)];
}

/** A small value for each of a message's fields, whether it is required or not. */
export function everyField(message: DescMessage, known: KnownValues): JsonObject {
  return Object.fromEntries(message.fields.map((field) => [field.name, validValue(field, known)]));
}
