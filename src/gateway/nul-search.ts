import { ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { isJson, findJsonFlaw } from './json-guard.ts';
import { fieldReader } from './message-fields.ts';

/** Finds the field of a message that holds U+0000, at any depth; the answer is the name of the root's field. */
export type NulSearch = (message: Message) => string | undefined;

type HoldsNul = (value: unknown) => boolean;

/** Makes searches, each compiled once per message type. Only fields that can hold text are looked at. */
export function createNulSearches(): (message: DescMessage) => NulSearch {
  const compiled = new Map<DescMessage, readonly Member[]>();
  const membersOf = (message: DescMessage): readonly Member[] => {
    const known = compiled.get(message);
    if (known) return known;
    const members: Member[] = [];
    compiled.set(message, members);
    members.push(...message.fields.flatMap((field) => compileMember(field, membersOf) ?? []));
    return members;
  };
  return (message) => {
    const members = membersOf(message);
    return (value) => members.find((member) => member.holdsNul(member.read(value)))?.name;
  };
}

interface Member {
  readonly name: string;
  readonly read: (message: object) => unknown;
  readonly holdsNul: HoldsNul;
}

function compileMember(field: DescField, membersOf: (message: DescMessage) => readonly Member[]): Member | undefined {
  const isText = field.message !== undefined || field.fieldKind === 'map' || isStringField(field);
  if (!isText) return undefined;
  const member: HoldsNul = field.message ? messageSearch(field.message, membersOf) : textHoldsNul;
  return { name: field.name, read: fieldReader(field), holdsNul: searchIn(field, member) };
}

function isStringField(field: DescField): boolean {
  return field.scalar === ScalarType.STRING;
}

function searchIn(field: DescField, holdsNul: HoldsNul): HoldsNul {
  if (field.fieldKind === 'list') return (list) => Array.isArray(list) && list.some(holdsNul);
  if (field.fieldKind !== 'map') return holdsNul;
  return (map) =>
    typeof map === 'object' &&
    map !== null &&
    Object.entries(map).some(([key, value]) => textHoldsNul(key) || holdsNul(value));
}

function textHoldsNul(value: unknown): boolean {
  return typeof value === 'string' && value.includes('\0');
}

/** A Struct is kept as a JSON object, and a wrapper as its value; other messages are searched field by field. */
function messageSearch(message: DescMessage, membersOf: (message: DescMessage) => readonly Member[]): HoldsNul {
  return (value) => {
    if (typeof value !== 'object' || value === null) return textHoldsNul(value);
    if (!('$typeName' in value)) return isJson(value) && findJsonFlaw(value)?.kind === 'nul';
    return membersOf(message).some((member) => member.holdsNul(member.read(value)));
  };
}
