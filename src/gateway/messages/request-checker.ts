import { ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import type { Fault, FaultRule } from '../contract/dialect.ts';
import { faultsMax } from '../errors/refusal-limits.ts';
import { isJsonList } from '../request/json-guard.ts';
import { compileMembers, isRequiredField, isSecretField, itemsMaxOf, wireNameOf } from '../routes/message-fields.ts';
import type { PlacedFault } from './fault-list.ts';
import { hide, quoteValue, redactField, redactMessage } from './redaction.ts';
import { enumCheck, scalarCheck, textMessageCheck, type Refusal, type ValueCheck } from './scalar-checks.ts';

/** The result of a check. */
export interface CheckedObject {
  /** The valid members, by their proto names; `fromJson` accepts them all. */
  readonly json: JsonObject;
  /** If there are more than `faultsMax`, the check has stopped, and the members are incomplete. */
  readonly faults: readonly PlacedFault[];
}

/** Checks JSON before it becomes a message, and finds all faults at once, up to one more than `faultsMax`. */
export type RequestCheck = (sent: JsonObject) => CheckedObject;

/** How the members of a request are named and treated, and where they come from. */
export interface CheckStyle {
  readonly names: 'proto' | 'json';
  readonly unknownMembers: 'ignore' | 'refuse';
  readonly source: Fault['source'];
}

/** The place of a value, as a chain up to the root. */
interface Place {
  readonly parent: Place | undefined;
  readonly name: string | number;
  readonly position: number;
  readonly isSecret: boolean;
}

interface Walk extends CheckStyle {
  readonly faults: PlacedFault[];
}

/** Returns undefined if the value is at fault. */
type FieldCheck = (value: JsonValue, place: Place, walk: Walk) => JsonValue | undefined;

/** A field, with what is compiled once for all requests. */
interface Member {
  readonly field: DescField;
  /** The names by which it may be sent. */
  readonly names: readonly string[];
  readonly wireName: string;
  readonly position: number;
  readonly isRequired: boolean;
  readonly isSecret: boolean;
  readonly check: FieldCheck;
}

/** After all known fields. */
const unknownPosition = Number.MAX_SAFE_INTEGER;

/**
 * Creates the check of a message type.
 *
 * @param fields those of the message that may come from this source
 */
export function createRequestCheck(
  message: DescMessage,
  fields: readonly DescField[],
  style: CheckStyle,
): RequestCheck {
  const ofMessage =
    (nested: DescMessage): FieldCheck =>
    (value, place, walk) =>
      isJsonObject(value)
        ? checkMembers(nested, membersOf(nested), value, place, walk)
        : refuse({ rule: 'not_object' }, () => redactMessage(nested, value), place, walk);
  const membersOf = compileMembers((field) => compileMember(field, style, ofMessage));
  const members = fields.map((field) => compileMember(field, style, ofMessage));
  return (sent) => {
    const walk: Walk = { ...style, faults: [] };
    return { json: checkMembers(message, members, sent, undefined, walk), faults: walk.faults };
  };
}

function compileMember(field: DescField, style: CheckStyle, ofMessage: (message: DescMessage) => FieldCheck): Member {
  return {
    field,
    names: [...new Set([field.name, field.jsonName])],
    wireName: wireNameOf(field, style.names),
    position: field.parent.fields.indexOf(field),
    isRequired: isRequiredField(field),
    isSecret: isSecretField(field),
    check: compileField(field, ofMessage),
  };
}

function checkMembers(
  message: DescMessage,
  members: readonly Member[],
  sent: JsonObject,
  parent: Place | undefined,
  walk: Walk,
): JsonObject {
  const json: Record<string, JsonValue> = {};
  let known = 0;
  for (const member of members) {
    if (hasEnough(walk)) return json;
    const names = namesIn(sent, member);
    known += names.length;
    if (names.length === 0 && !member.isRequired) continue;
    const value = checkMember(message, member, names, sent, parent, walk);
    if (value !== undefined) json[member.field.name] = value;
  }
  if (walk.unknownMembers === 'refuse' && known < Object.keys(sent).length) {
    refuseUnknown(members, sent, parent, walk);
  }
  return json;
}

const notSent: readonly string[] = [];

/** The names by which a member was sent. Most members are absent, which costs no allocation. */
function namesIn(sent: JsonObject, { names }: Member): readonly string[] {
  let found: string[] | undefined;
  for (const name of names) if (Object.hasOwn(sent, name)) (found ??= []).push(name);
  return found ?? notSent;
}

function checkMember(
  message: DescMessage,
  { field, wireName, position, isRequired, isSecret, check }: Member,
  [name, second]: readonly string[],
  sent: JsonObject,
  parent: Place | undefined,
  walk: Walk,
): JsonValue | undefined {
  const isWithinSecret = parent?.isSecret === true;
  const here: Place = { parent, name: wireName, position, isSecret: isSecret || isWithinSecret };
  const value = name === undefined ? undefined : sent[name];
  if (value === undefined) {
    // Shows the object that the field is missing from.
    const around = walk.source === 'body' ? () => redactMessage(message, sent) : notShown;
    return refuse({ rule: 'missing' }, around, { ...here, isSecret: isWithinSecret }, walk);
  }
  if (second !== undefined) return refuse({ rule: 'sent_twice' }, () => redactField(field, value), here, walk);
  if (value === null && field.message?.typeName !== 'google.protobuf.Value' && !isRequired) return undefined;
  return check(value, here, walk);
}

function refuseUnknown(members: readonly Member[], sent: JsonObject, parent: Place | undefined, walk: Walk): void {
  const known = new Set(members.flatMap(({ names }) => names));
  for (const name of Object.keys(sent)) {
    if (hasEnough(walk)) return;
    if (known.has(name)) continue;
    const place = { parent, name, position: unknownPosition, isSecret: parent?.isSecret === true };
    refuse({ rule: 'unknown_member' }, notShown, place, walk);
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

/** Messages that accept any JSON of a kind. */
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
    return 'json' in checked ? checked.json : refuse(checked.refusal, () => quoteValue(value), place, walk);
  };
}

/** A list with a bad item is left out, so that the indexes of later findings are right. */
function listCheck(field: DescField, check: FieldCheck): FieldCheck {
  const itemsMax = itemsMaxOf(field);
  return (value, place, walk) => {
    if (!isJsonList(value)) return refuse({ rule: 'not_list' }, () => redactField(field, value), place, walk);
    if (value.length > itemsMax) return refuseTooMany(field, value, place, walk);
    const items: JsonValue[] = [];
    for (const [index, item] of value.entries()) {
      if (hasEnough(walk)) return undefined;
      const checked = check(item, within(place, index, index), walk);
      if (checked !== undefined) items.push(checked);
    }
    return items.length === value.length ? items : undefined;
  };
}

function mapCheck(field: DescField, check: FieldCheck, key: ScalarType): FieldCheck {
  const keyCheck = key === ScalarType.STRING || key === ScalarType.BOOL ? undefined : scalarCheck(key);
  const pairsMax = itemsMaxOf(field);
  return (value, place, walk) => {
    if (!isJsonObject(value)) return refuse({ rule: 'not_object' }, () => redactField(field, value), place, walk);
    const pairs = Object.entries(value);
    if (pairs.length > pairsMax) return refuseTooMany(field, value, place, walk);
    const members: [string, JsonValue][] = [];
    for (const [position, [name, member]] of pairs.entries()) {
      const here = within(place, name, position);
      const checkedKey = keyCheck?.(name);
      const checked =
        checkedKey && 'refusal' in checkedKey
          ? refuse(checkedKey.refusal, notShown, here, walk)
          : check(member, here, walk);
      if (checked === undefined) return undefined;
      members.push([name, checked]);
    }
    return Object.fromEntries(members);
  };
}

/** The items of a list or map with too many of them are not checked. */
function refuseTooMany(field: DescField, value: JsonValue, place: Place, walk: Walk): undefined {
  return refuse({ rule: 'too_many', expected: itemsMaxOf(field) }, () => redactField(field, value), place, walk);
}

function within(parent: Place, name: string | number, position: number): Place {
  return { parent, name, position, isSecret: parent.isSecret };
}

/** Whether there are more faults than a refusal lists; then the check stops. */
function hasEnough({ faults }: Walk): boolean {
  return faults.length > faultsMax;
}

const notShown = (): undefined => undefined;

/** @param show returns what the refusal shows of the value */
function refuse(refusal: Refusal, show: () => JsonValue | undefined, place: Place, walk: Walk): undefined {
  if (hasEnough(walk)) return undefined;
  const input = show();
  const shown = place.isSecret && input !== undefined ? hide(input) : input;
  const chain = chainOf(place);
  const path = chain.map(({ name }) => name);
  const order = chain.map(({ position }) => position);
  walk.faults.push({ fault: { source: walk.source, path, input: shown, ...refusal }, order });
  return undefined;
}

/** From the root. */
function chainOf(place: Place): Place[] {
  return place.parent ? [...chainOf(place.parent), place] : [place];
}
