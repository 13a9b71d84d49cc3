import { fromJsonString, toBinary, type DescMessage } from '@bufbuild/protobuf';
import { hostileMessages } from './hostile-json.ts';
import { validMessage, type KnownValues } from './valid-message.ts';

/** Makes a hostile message of about so many bytes in protobuf's binary format; undefined where there is none of the kind. */
export type HostileBytes = (bytes: number) => Buffer | undefined;

const wireTypes = { varint: 0, bytes: 2, group: 3 } as const;

/** The bytes that a request for a message may be, each by what is wrong with it. */
export function hostileBinary(message: DescMessage, known: KnownValues): Readonly<Record<string, HostileBytes>> {
  const valid = encode(message, JSON.stringify(validMessage(message, known))) ?? Buffer.alloc(0);
  const fields = message.fields.map(({ name, number }) => ({ name, number }));
  const cases: Record<string, HostileBytes> = {
    'unknown fields': (bytes) => Buffer.concat([valid, repeat([...tag(1_000, wireTypes.varint), 1], bytes)]),
    'groups that are not closed': (bytes) => Buffer.concat([valid, repeat(tag(1_000, wireTypes.group), bytes)]),
    'bytes of zero': (bytes) => Buffer.alloc(bytes),
    'a number without an end': (bytes) => Buffer.alloc(bytes, 0xff),
  };
  for (const { name, number } of [...fields, { name: 'an unknown field', number: 1_000 }]) {
    cases[`${name} many times, empty`] = (bytes) =>
      Buffer.concat([valid, repeat([...tag(number, wireTypes.bytes), 0], bytes)]);
    cases[`${name} within itself`] = (bytes) => nest(tag(number, wireTypes.bytes), bytes);
    cases[`${name} as numbers`] = (bytes) =>
      Buffer.concat([valid, repeat([...tag(number, wireTypes.varint), 1], bytes)]);
  }
  for (const [title, make] of Object.entries(hostileMessages(message, known))) {
    cases[title] = (bytes) => encode(message, JSON.stringify(make(bytes)));
  }
  return cases;
}

/** Undefined where protobuf's JSON reader does not take the message. */
export function encode(message: DescMessage, json: string): Buffer | undefined {
  try {
    return Buffer.from(toBinary(message, fromJsonString(message, json)));
  } catch {
    return undefined;
  }
}

function repeat(unit: readonly number[], bytes: number): Buffer {
  return Buffer.alloc(Math.floor(bytes / unit.length) * unit.length, Buffer.from(unit));
}

/** Each length prefix holds all that follows, to a depth that takes so many bytes. */
function nest(head: readonly number[], bytes: number): Buffer {
  const room = bytes + head.length + 5;
  const nested = Buffer.alloc(room);
  let start = room;
  while (room - start < bytes) {
    const part = [...head, ...varint(room - start)];
    start -= part.length;
    nested.set(part, start);
  }
  return nested.subarray(start);
}

function tag(number: number, wireType: number): number[] {
  return varint(number * 8 + wireType);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    bytes.push(left < 128 ? left : (left % 128) + 128);
    if (left < 128) return bytes;
  }
}
