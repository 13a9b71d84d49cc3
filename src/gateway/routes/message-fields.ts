import { getOption, hasOption, isFieldSet, type DescField, type DescMessage } from '@bufbuild/protobuf';
import {
  field as fieldRules,
  MapRulesSchema,
  RepeatedRulesSchema,
  type FieldRules,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import assert from 'node:assert/strict';

/** The field at a path of names, with the fields on the way. */
export interface FieldPath {
  /** The proto names, joined by dots. */
  readonly name: string;
  readonly fields: readonly [DescField, ...DescField[]];
  readonly last: DescField;
}

/** Resolves a path such as `book.id`, of proto names or JSON names; undefined where there is no such field. */
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

/** Whether a field is secret, so that its value is never shown in an error. */
export function isSecretField(field: DescField): boolean {
  return field.proto.options?.debugRedact === true;
}

/** The name of a field on the wire. */
export function wireNameOf(field: DescField, names: 'proto' | 'json'): string {
  return names === 'proto' ? field.name : field.jsonName;
}

/** Creates a function that reads a field of a message: undefined where the field has presence and is not set. */
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

/** Whether the field is required in a request. */
export function isRequiredField(field: DescField): boolean {
  return rulesOf(field)?.required === true;
}

/** The most items of a list or pairs of a map by the field's rules; Infinity without a limit. */
export function itemsMaxOf(field: DescField): number {
  const { type } = rulesOf(field) ?? {};
  if (type?.case === 'repeated' && isFieldSet(type.value, RepeatedRulesSchema.field.maxItems))
    return Number(type.value.maxItems);
  if (type?.case === 'map' && isFieldSet(type.value, MapRulesSchema.field.maxPairs)) return Number(type.value.maxPairs);
  return Infinity;
}

/** Compiles something for each member of a message type, when it is first requested. */
export function compileMembers<Member>(
  compile: (field: DescField, membersOf: (message: DescMessage) => readonly Member[]) => Member | undefined,
): (message: DescMessage) => readonly Member[] {
  const compiled = new Map<DescMessage, readonly Member[]>();
  return function membersOf(message) {
    const known = compiled.get(message);
    if (known) return known;
    const members: Member[] = [];
    // Set before its members are compiled, since message types may be recursive.
    compiled.set(message, members);
    for (const field of message.fields) {
      const member = compile(field, membersOf);
      if (member !== undefined) members.push(member);
    }
    return members;
  };
}
