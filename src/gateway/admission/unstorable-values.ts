import { ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { isJson, findJsonFlaw, isStorableText } from '../request/json-guard.ts';
import { compileMembers, fieldReader } from '../routes/message-fields.ts';

/**
 * Finds the field of a message that holds what can't be stored, at any depth: U+0000, half of a surrogate
 * pair, or JSON that no JSON text spells. The answer
 * is the name of the root's field.
 */
export type FlawSearch = (message: Message) => string | undefined;

type IsFlawed = (value: unknown) => boolean;

/** Makes searches, each compiled once per message type. Only fields that can hold text or JSON are looked at. */
export function createFlawSearches(): (message: DescMessage) => FlawSearch {
  const membersOf = compileMembers(compileMember);
  return (message) => {
    const members = membersOf(message);
    return (value) => members.find((member) => member.isFlawed(member.read(value)))?.name;
  };
}

interface Member {
  readonly name: string;
  readonly read: (message: object) => unknown;
  readonly isFlawed: IsFlawed;
}

function compileMember(field: DescField, membersOf: (message: DescMessage) => readonly Member[]): Member | undefined {
  const isFlawed = valueSearch(field, membersOf);
  return isFlawed && { name: field.name, read: fieldReader(field), isFlawed: searchIn(field, isFlawed) };
}

function valueSearch(field: DescField, membersOf: (message: DescMessage) => readonly Member[]): IsFlawed | undefined {
  const isInValue = field.parent.typeName === 'google.protobuf.Value';
  // Outside of a Value, a Struct is kept as the JSON object that it is.
  if (field.message?.typeName === 'google.protobuf.Struct' && !isInValue) return jsonIsFlawed;
  if (field.message) return messageSearch(field.message, membersOf);
  if (isInValue && field.scalar === ScalarType.DOUBLE) return (value) => value !== undefined && !Number.isFinite(value);
  return field.scalar === ScalarType.STRING || field.fieldKind === 'map' ? textIsFlawed : undefined;
}

function searchIn(field: DescField, isFlawed: IsFlawed): IsFlawed {
  if (field.fieldKind === 'list') return (list) => Array.isArray(list) && list.some(isFlawed);
  if (field.fieldKind !== 'map') return isFlawed;
  return (map) =>
    typeof map === 'object' &&
    map !== null &&
    Object.entries(map).some(([key, value]) => textIsFlawed(key) || isFlawed(value));
}

function textIsFlawed(value: unknown): boolean {
  return typeof value === 'string' && !isStorableText(value);
}

function jsonIsFlawed(value: unknown): boolean {
  return isJson(value) && findJsonFlaw(value) !== undefined;
}

/** A wrapper is kept as its value; other messages are searched field by field. */
function messageSearch(message: DescMessage, membersOf: (message: DescMessage) => readonly Member[]): IsFlawed {
  return (value) => {
    if (typeof value !== 'object' || value === null) return textIsFlawed(value);
    return membersOf(message).some((member) => member.isFlawed(member.read(value)));
  };
}
