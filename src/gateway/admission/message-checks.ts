import { isMessage, ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { isJson, findUnstorable, isStorableText } from '../request/json-guard.ts';
import { compileMembers, fieldReader, itemsMaxOf } from '../routes/message-fields.ts';

/**
 * Finds the top field of a message that contains, at any depth, what cannot be stored: U+0000, half of a surrogate pair, the name
 * `__proto__` or a number that JSON cannot express. Returns the field's name.
 */
export type UnstorableSearch = (message: Message) => string | undefined;

type IsUnstorable = (value: unknown) => boolean;

interface SearchedMember {
  readonly name: string;
  readonly read: (message: object) => unknown;
  readonly isUnstorable: IsUnstorable;
}

/** Creates searches, compiled once per message type. They look only at fields that can contain text or JSON. */
export function createUnstorableSearches(): (message: DescMessage) => UnstorableSearch {
  const membersOf = compileMembers(searchedMember);
  return (message) => {
    const members = membersOf(message);
    return (value) => members.find((member) => member.isUnstorable(member.read(value)))?.name;
  };
}

type SearchedMembers = (message: DescMessage) => readonly SearchedMember[];

function searchedMember(field: DescField, membersOf: SearchedMembers): SearchedMember | undefined {
  const isUnstorable = valueSearch(field, membersOf);
  return isUnstorable && { name: field.name, read: fieldReader(field), isUnstorable: searchIn(field, isUnstorable) };
}

function valueSearch(field: DescField, membersOf: SearchedMembers): IsUnstorable | undefined {
  const isInValue = field.parent.typeName === 'google.protobuf.Value';
  // Outside of a Value, a Struct is represented by its JSON object.
  if (field.message?.typeName === 'google.protobuf.Struct' && !isInValue) return isUnstorableJson;
  if (field.message) return messageSearch(field.message, membersOf);
  if (isInValue && field.scalar === ScalarType.DOUBLE) return (value) => value !== undefined && !Number.isFinite(value);
  return field.scalar === ScalarType.STRING || field.fieldKind === 'map' ? isUnstorableText : undefined;
}

function searchIn(field: DescField, isUnstorable: IsUnstorable): IsUnstorable {
  if (field.fieldKind === 'list') return (list) => Array.isArray(list) && list.some(isUnstorable);
  if (field.fieldKind !== 'map') return isUnstorable;
  return (map) =>
    typeof map === 'object' &&
    map !== null &&
    Object.entries(map).some(([key, value]) => isUnstorableText(key) || isUnstorable(value));
}

function isUnstorableText(value: unknown): boolean {
  return typeof value === 'string' && !isStorableText(value);
}

function isUnstorableJson(value: unknown): boolean {
  return isJson(value) && findUnstorable(value) !== undefined;
}

/** A wrapper is represented by its value; other messages are searched field by field. */
function messageSearch(message: DescMessage, membersOf: SearchedMembers): IsUnstorable {
  return (value) => {
    if (typeof value !== 'object' || value === null) return isUnstorableText(value);
    return membersOf(message).some((member) => member.isUnstorable(member.read(value)));
  };
}

/**
 * Cuts every list and map of a message to one item more than its rules allow: the rule stays broken, and validation does not
 * visit the rest. A message without such a list is returned unchanged.
 */
export type CutOverfull = (message: Message) => Message;

interface CutMember {
  readonly localName: string;
  readonly read: (message: object) => unknown;
  /** Returns the value itself if there is nothing to cut. */
  readonly cut: (value: unknown) => unknown;
}

/** Creates the cuts, compiled once per message type. Lists of messages are not entered. */
export function createOverfullCuts(): (message: DescMessage) => CutOverfull {
  const membersOf = compileMembers(cutMember);
  return (schema) => {
    const members = membersOf(schema);
    return (message) => cutMembers(message, members);
  };
}

function cutMember(field: DescField, membersOf: (message: DescMessage) => readonly CutMember[]): CutMember | undefined {
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
    if (typeof map !== 'object' || map === null || Object.keys(map).length <= size) return map;
    return Object.fromEntries(Object.entries(map).slice(0, size));
  };
}

function cutMembers(message: Message, members: readonly CutMember[]): Message {
  let copy: Message | undefined;
  for (const { localName, read, cut } of members) {
    const value = read(message);
    const kept = cut(value);
    if (kept === value) continue;
    // The prototype holds the values of unset fields.
    copy ??= Object.assign(Object.create(Object.getPrototypeOf(message)), message);
    Reflect.set(copy ?? message, localName, kept);
  }
  return copy ?? message;
}
