import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';
import { compileMembers, fieldReader, itemsMaxOf } from '../routes/message-fields.ts';

/**
 * Answers a message in which no list and no map holds more than one beyond what its rules allow: the rule stays broken, and what
 * else is wrong is not looked for in everything beyond. Most messages hold too much nowhere, and are answered as they are.
 */
export type CutOverfull = (message: Message) => Message;

/** Makes the cut of a message type, compiled once per type. Lists of messages are not entered. */
export function createOverfullCuts(): (message: DescMessage) => CutOverfull {
  const membersOf = compileMembers(compileMember);
  return (schema) => {
    const members = membersOf(schema);
    return (message) => cutMembers(message, members);
  };
}

interface Member {
  readonly localName: string;
  readonly read: (message: object) => unknown;
  /** Answers the value itself where nothing of it is too much. */
  readonly cut: (value: unknown) => unknown;
}

function compileMember(field: DescField, membersOf: (message: DescMessage) => readonly Member[]): Member | undefined {
  const member = { localName: field.localName, read: fieldReader(field) };
  const itemsMax = itemsMaxOf(field);
  if (field.fieldKind === 'list') return itemsMax < Infinity ? { ...member, cut: cutList(itemsMax + 1) } : undefined;
  if (field.fieldKind === 'map') return itemsMax < Infinity ? { ...member, cut: cutMap(itemsMax + 1) } : undefined;
  if (field.fieldKind !== 'message' || field.oneof || field.message.typeName.startsWith('google.')) return undefined;
  const members = membersOf(field.message);
  return { ...member, cut: (value) => (isMessage(value) ? cutMembers(value, members) : value) };
}

function cutList(length: number) {
  return (list: unknown): unknown => (Array.isArray(list) && list.length > length ? list.slice(0, length) : list);
}

function cutMap(size: number) {
  return (map: unknown): unknown => {
    if (typeof map !== 'object' || map === null) return map;
    const names = Object.keys(map);
    return names.length > size ? Object.fromEntries(Object.entries(map).slice(0, size)) : map;
  };
}

function cutMembers(message: Message, members: readonly Member[]): Message {
  let copy: Message | undefined;
  for (const { localName, read, cut } of members) {
    const value = read(message);
    const kept = cut(value);
    if (kept === value) continue;
    // What is not set is told by the prototype.
    copy ??= Object.assign(Object.create(Object.getPrototypeOf(message)), message);
    Reflect.set(copy ?? message, localName, kept);
  }
  return copy ?? message;
}
