import { getOption, hasOption, isFieldSet } from '@bufbuild/protobuf';
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import {
  field as fieldRules,
  MapRulesSchema,
  RepeatedRulesSchema,
  type FieldRules,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import assert from 'node:assert/strict';

/** The field that a path of names leads to, with those on the way; either spelling of a name is taken. */
export interface FieldPath {
  /** The names in the proto's spelling, joined by dots. */
  readonly name: string;
  readonly fields: readonly [DescField, ...DescField[]];
  readonly last: DescField;
}

/** Follows names, such as `book.id`, from a message; undefined where there is no such field. */
export function resolveFieldPath(message: DescMessage, names: string): FieldPath | undefined {
  const [first, ...rest] = names.split('.');
  const head = first === undefined ? undefined : findField(message, first);
  if (!head) return undefined;
  const fields: [DescField, ...DescField[]] = [head];
  let last = head;
  for (const name of rest) {
    const next = last.fieldKind === 'message' ? findField(last.message, name) : undefined;
    if (!next) return undefined;
    fields.push(next);
    last = next;
  }
  return { name: fields.map((field) => field.name).join('.'), fields, last };
}

/** Finds a field by its proto name or its JSON name. */
export function findField(message: DescMessage, name: string): DescField | undefined {
  return message.fields.find((field) => field.name === name || field.jsonName === name);
}

/** Tells whether a field holds a secret: its value is never shown in an error. */
export function isSecretField(field: DescField): boolean {
  return field.proto.options?.debugRedact === true;
}

/** The name of a field on the wire. */
export function wireNameOf(field: DescField, names: 'proto' | 'json'): string {
  return names === 'proto' ? field.name : field.jsonName;
}

/** Makes what reads a field of a message; it answers undefined where the field has presence and is not set. */
export function fieldReader(field: DescField): (message: object) => unknown {
  const { localName, oneof } = field;
  if (!oneof) return (message): unknown => Reflect.get(message, localName);
  return (message) => {
    const chosen: unknown = Reflect.get(message, oneof.localName);
    assert(typeof chosen === 'object' && chosen !== null);
    return Reflect.get(chosen, 'case') === localName ? Reflect.get(chosen, 'value') : undefined;
  };
}

/** The protovalidate rules of a field. */
export function rulesOf(field: DescField): FieldRules | undefined {
  return hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;
}

/** Tells whether a request must hold the field. */
export function isRequiredField(field: DescField): boolean {
  return rulesOf(field)?.required === true;
}

/** The most items of a list, or pairs of a map, that the field's rules let pass; Infinity where they set no limit. */
export function itemsMaxOf(field: DescField): number {
  const { type } = rulesOf(field) ?? {};
  if (type?.case === 'repeated' && isFieldSet(type.value, RepeatedRulesSchema.field.maxItems))
    return Number(type.value.maxItems);
  if (type?.case === 'map' && isFieldSet(type.value, MapRulesSchema.field.maxPairs)) return Number(type.value.maxPairs);
  return Infinity;
}

/** What is to be done with the members of a message type, compiled when it is first asked for. */
export function compileMembers<Member>(
  compile: (field: DescField, membersOf: (message: DescMessage) => readonly Member[]) => Member | undefined,
): (message: DescMessage) => readonly Member[] {
  const compiled = new Map<DescMessage, readonly Member[]>();
  return function membersOf(message) {
    const known = compiled.get(message);
    if (known) return known;
    const members: Member[] = [];
    // Entered before its members are compiled, since messages may hold their own kind.
    compiled.set(message, members);
    for (const field of message.fields) {
      const member = compile(field, membersOf);
      if (member !== undefined) members.push(member);
    }
    return members;
  };
}
