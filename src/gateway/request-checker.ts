import { ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject, type JsonValue } from '../vault/json.ts';
import type { Fault, FaultRule } from './dialect.ts';
import { isRequiredField, isSecretField, wireNameOf } from './message-fields.ts';
import { hide, isJsonList, redactField, redactMessage } from './redaction.ts';
import { enumCheck, scalarCheck, textMessageCheck, type Refusal, type ValueCheck } from './scalar-checks.ts';

/** A fault with its place in the order of the model: positions of fields and items from the root. */
export interface PlacedFault {
  readonly fault: Fault;
  readonly order: readonly number[];
}

/** What a check found. */
export interface CheckedObject {
  /** The members that are in order, by their proto names; `fromJson` takes them all. */
  readonly json: JsonObject;
  readonly faults: readonly PlacedFault[];
}

/** Looks at raw JSON before it becomes a message, and finds every fault at once. */
export interface RequestChecker {
  /** @param fields those of the message that may come from this source */
  check(message: DescMessage, fields: readonly DescField[], sent: JsonObject, source: Fault['source']): CheckedObject;
}

/** How a request's members are named and treated. */
export interface CheckStyle {
  readonly names: 'proto' | 'json';
  readonly unknownMembers: 'ignore' | 'refuse';
}

interface Place {
  readonly path: readonly (string | number)[];
  readonly order: readonly number[];
  readonly isSecret: boolean;
}

interface Walk extends CheckStyle {
  readonly source: Fault['source'];
  readonly faults: PlacedFault[];
}

/** Undefined where the value is at fault. */
type FieldCheck = (value: JsonValue, place: Place, walk: Walk) => JsonValue | undefined;

const root: Place = { path: [], order: [], isSecret: false };
/** Behind all that the model knows. */
const unknownOrder = Number.MAX_SAFE_INTEGER;

/** Makes a checker, which compiles each field the first time that it meets it. */
export function createRequestChecker(style: CheckStyle): RequestChecker {
  const compiled = new Map<DescField, FieldCheck>();
  const checkOf = (field: DescField): FieldCheck => {
    const known = compiled.get(field);
    if (known) return known;
    const check = compileField(field, (message) => (value, place, walk) => {
      if (!isJsonObject(value)) return refuse({ rule: 'not_object' }, redactMessage(message, value), place, walk);
      return checkMembers(message, message.fields, value, place, walk, checkOf);
    });
    compiled.set(field, check);
    return check;
  };
  return {
    check(message, fields, sent, source) {
      const walk: Walk = { ...style, source, faults: [] };
      const json = checkMembers(message, fields, sent, root, walk, checkOf);
      return { json, faults: walk.faults };
    },
  };
}

function checkMembers(
  message: DescMessage,
  fields: readonly DescField[],
  sent: JsonObject,
  place: Place,
  walk: Walk,
  checkOf: (field: DescField) => FieldCheck,
): JsonObject {
  const json: Record<string, JsonValue> = {};
  let known = 0;
  for (const field of fields) {
    const spellings = spellingsIn(field, sent);
    known += spellings.length;
    const value = checkMember(message, field, spellings, sent, place, walk, checkOf);
    if (value !== undefined) json[field.name] = value;
  }
  if (walk.unknownMembers === 'refuse' && known < Object.keys(sent).length) {
    refuseUnknown(fields, sent, place, walk);
  }
  return json;
}

function checkMember(
  message: DescMessage,
  field: DescField,
  spellings: readonly string[],
  sent: JsonObject,
  place: Place,
  walk: Walk,
  checkOf: (field: DescField) => FieldCheck,
): JsonValue | undefined {
  const [name, second] = spellings;
  const value = name === undefined ? undefined : sent[name];
  if (value === undefined && !isRequiredField(field)) return undefined;
  const here: Place = {
    path: [...place.path, wireNameOf(field, walk.names)],
    order: [...place.order, message.fields.indexOf(field)],
    isSecret: place.isSecret || isSecretField(field),
  };
  if (value === undefined) {
    // Nothing was sent for it: what is shown is the object that it is missing from.
    const around = place.isSecret ? hide(sent) : redactMessage(message, sent);
    return refuse({ rule: 'missing' }, walk.source === 'body' ? around : undefined, here, walk);
  }
  if (second !== undefined) return refuse({ rule: 'other' }, redactField(field, value), here, walk);
  if (value === null && field.message?.typeName !== 'google.protobuf.Value' && !isRequiredField(field))
    return undefined;
  return checkOf(field)(value, here, walk);
}

/** The names under which a field was sent; more than one is ambiguous. */
function spellingsIn(field: DescField, sent: JsonObject): readonly string[] {
  const names = field.name === field.jsonName ? [field.name] : [field.name, field.jsonName];
  return names.filter((name) => Object.hasOwn(sent, name));
}

function refuseUnknown(fields: readonly DescField[], sent: JsonObject, place: Place, walk: Walk): void {
  for (const name of Object.keys(sent)) {
    if (fields.some((field) => field.name === name || field.jsonName === name)) continue;
    const here = { path: [...place.path, name], order: [...place.order, unknownOrder], isSecret: place.isSecret };
    refuse({ rule: 'unknown_member' }, undefined, here, walk);
  }
}

function compileField(field: DescField, ofMessage: (message: DescMessage) => FieldCheck): FieldCheck {
  const check = compileValue(field, ofMessage);
  if (field.fieldKind === 'list') return listCheck(field, check);
  if (field.fieldKind === 'map') return mapCheck(field, check, field.mapKey);
  return check;
}

function compileValue(field: DescField, ofMessage: (message: DescMessage) => FieldCheck): FieldCheck {
  if (field.scalar !== undefined) return leafCheck(scalarCheck(field.scalar));
  if (field.enum) return leafCheck(enumCheck(field.enum));
  assert(field.message);
  const { message } = field;
  if (isWrapperDesc(message)) return leafCheck(scalarCheck(message.fields[0].scalar));
  const text = textMessageCheck(message);
  if (text) return leafCheck(text);
  const special = specialMessages[message.typeName];
  return special ? shapeCheck(special.rule, special.fits) : ofMessage(message);
}

/** Messages that are any JSON of a kind. */
const specialMessages: Readonly<
  Record<string, { readonly rule: FaultRule; readonly fits: (value: JsonValue) => boolean }>
> = {
  'google.protobuf.Struct': { rule: 'not_object', fits: isJsonObject },
  'google.protobuf.ListValue': { rule: 'not_list', fits: isJsonList },
  'google.protobuf.Value': { rule: 'other', fits: () => true },
};

function shapeCheck(rule: FaultRule, fits: (value: JsonValue) => boolean): FieldCheck {
  return leafCheck((value) => (fits(value) ? { json: value } : { refusal: { rule } }));
}

function leafCheck(check: ValueCheck): FieldCheck {
  return (value, place, walk) => {
    const checked = check(value);
    return 'json' in checked ? checked.json : refuse(checked.refusal, value, place, walk);
  };
}

/** With one bad item the whole list is left out, so that what is found later counts no items wrongly. */
function listCheck(field: DescField, check: FieldCheck): FieldCheck {
  return (value, place, walk) => {
    if (!isJsonList(value)) return refuse({ rule: 'not_list' }, redactField(field, value), place, walk);
    const items = value.map((item, index) => check(item, within(place, index, index), walk));
    return items.every((item) => item !== undefined) ? items : undefined;
  };
}

function mapCheck(field: DescField, check: FieldCheck, key: ScalarType): FieldCheck {
  const keyCheck = key === ScalarType.STRING || key === ScalarType.BOOL ? undefined : scalarCheck(key);
  return (value, place, walk) => {
    if (!isJsonObject(value)) return refuse({ rule: 'not_object' }, redactField(field, value), place, walk);
    const members: [string, JsonValue][] = [];
    for (const [position, [name, member]] of Object.entries(value).entries()) {
      const here = within(place, name, position);
      const checkedKey = keyCheck?.(name);
      const checked =
        checkedKey && 'refusal' in checkedKey
          ? refuse(checkedKey.refusal, undefined, here, walk)
          : check(member, here, walk);
      if (checked === undefined) return undefined;
      members.push([name, checked]);
    }
    return Object.fromEntries(members);
  };
}

function within(place: Place, name: string | number, position: number): Place {
  return { path: [...place.path, name], order: [...place.order, position], isSecret: place.isSecret };
}

function refuse(refusal: Refusal, input: JsonValue | undefined, place: Place, walk: Walk): undefined {
  const shown = place.isSecret && input !== undefined ? hide(input) : input;
  walk.faults.push({
    fault: { source: walk.source, path: place.path, input: shown, ...refusal },
    order: place.order,
  });
  return undefined;
}
