import { isMessage } from '@bufbuild/protobuf';
import type { DescField, DescMessage, DescOneof } from '@bufbuild/protobuf';
import type { Path } from '@bufbuild/protobuf/reflect';
import type { Violation } from '@bufbuild/protovalidate';
import type { FieldRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import type { Fault, FaultRule } from '../contract/dialect.ts';
import { isJsonList } from '../request/json-guard.ts';
import { fieldReader, isSecretField, rulesOf, wireNameOf } from '../routes/message-fields.ts';
import { hide, quoteValue, redactField } from './redaction.ts';
import type { PlacedFault } from './fault-list.ts';
import type { Refusal } from './scalar-checks.ts';

/** What is needed to describe a violation by the names and values of the request. */
export interface ViolationContext {
  readonly message: DescMessage;
  readonly names: 'proto' | 'json';
  /** Where a top field of the message comes from. */
  readonly sourceOf: (field: DescField | undefined) => Fault['source'];
  /** The members of the request as they were sent, by proto names. */
  readonly sent: JsonObject;
}

interface Trail {
  readonly path: (string | number)[];
  readonly order: number[];
  field: DescField | undefined;
  isSecret: boolean;
  sent: JsonValue | undefined;
}

/** Converts a violation found by protovalidate into a fault of the request. */
export function faultOfViolation(violation: Violation, context: ViolationContext): PlacedFault {
  const trail = followPath(violation.field, context);
  const first = violation.field[0];
  const source = context.sourceOf(first?.kind === 'field' ? first : undefined);
  const refusal = refusalOf(violation, trail);
  const shown = trail.sent === undefined ? undefined : showValue(trail, trail.sent);
  return { fault: { source, path: trail.path, input: shown, ...refusal }, order: trail.order };
}

function showValue(trail: Trail, sent: JsonValue): JsonValue {
  if (trail.isSecret) return hide(sent);
  return trail.field ? redactField(trail.field, sent) : quoteValue(sent);
}

function followPath(path: Path, context: ViolationContext): Trail {
  const trail: Trail = { path: [], order: [], field: undefined, isSecret: false, sent: context.sent };
  for (const element of path) {
    switch (element.kind) {
      case 'field':
        enterField(trail, element, context.names);
        break;
      case 'oneof':
        enterOneof(trail, element);
        break;
      case 'list_sub':
        trail.path.push(element.index);
        trail.order.push(element.index);
        trail.sent = isJsonList(trail.sent) ? trail.sent[element.index] : undefined;
        break;
      case 'map_sub':
        trail.path.push(String(element.key));
        trail.order.push(0);
        trail.sent = memberOf(trail.sent, String(element.key));
        break;
      case 'extension':
        break;
    }
  }
  return trail;
}

function enterField(trail: Trail, field: DescField, names: 'proto' | 'json'): void {
  trail.field = field;
  trail.isSecret ||= isSecretField(field);
  trail.path.push(wireNameOf(field, names));
  trail.order.push(field.parent.fields.indexOf(field));
  trail.sent = memberOf(trail.sent, field.name) ?? memberOf(trail.sent, field.jsonName);
}

/** A oneof has the place of its first field. */
function enterOneof(trail: Trail, oneof: DescOneof): void {
  const first = oneof.fields[0];
  trail.path.push(oneof.name);
  trail.order.push(first ? oneof.parent.fields.indexOf(first) : 0);
  trail.sent = undefined;
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function refusalOf(violation: Violation, trail: Trail): Refusal {
  const { ruleId } = violation;
  if (ruleId === 'required') return requiredRefusal(trail);
  const bound = boundOf(violation, trail.field);
  if (ruleId === 'enum.defined_only' || ruleId === 'enum.in') {
    return { rule: 'not_in_enum', expected: trail.field?.enum?.values.map(({ name }) => name) ?? [] };
  }
  if (ruleId.endsWith('.in') && Array.isArray(bound)) {
    return { rule: 'not_in_enum', expected: bound.map(String).filter((name) => name !== '') };
  }
  const range = /^(?:s|u)?(?:int|fixed)(?:32|64)\.|^(?:float|double)\./.test(ruleId) && rangeRefusal(violation, trail);
  if (range) return range;
  const rule = rules[ruleId] ?? 'other';
  return typeof bound === 'bigint' ? { rule, expected: Number(bound) } : { rule };
}

const rules: Readonly<Record<string, FaultRule>> = {
  'string.min_len': 'too_short',
  'string.min_bytes': 'too_short',
  'string.max_len': 'too_long',
  'string.max_bytes': 'too_long',
  'bytes.min_len': 'too_short',
  'bytes.max_len': 'too_long',
  'repeated.min_items': 'too_few',
  'repeated.max_items': 'too_many',
  'map.min_pairs': 'too_few',
  'map.max_pairs': 'too_many',
  'string.pattern': 'pattern',
  'string.prefix': 'pattern',
  'string.suffix': 'pattern',
  'string.contains': 'pattern',
  'string.uuid': 'pattern',
  'string.uuid_empty': 'pattern',
};

/** A field without presence counts as unset if it has its zero value: if it was sent, it is too short. */
function requiredRefusal({ field, sent }: Trail): Refusal {
  if (sent === undefined || sent === null || !field) return { rule: 'missing' };
  if (field.enum) return { rule: 'not_in_enum', expected: field.enum.values.slice(1).map(({ name }) => name) };
  const { type } = rulesOf(field) ?? {};
  const least = type?.case === 'string' ? Number(type.value.minLen) : 1;
  return { rule: 'too_short', expected: Math.max(least, 1) };
}

/** The bound of the broken rule, such as 100 for `max_len = 100`. */
function boundOf(violation: Violation, field: DescField | undefined): unknown {
  return readRule(violation.rule, field && rulesOf(field));
}

function readRule(path: Path, rule: FieldRules | undefined): unknown {
  let value: unknown = rule;
  for (const element of path) {
    if (element.kind !== 'field' || typeof value !== 'object' || value === null) return undefined;
    value = fieldReader(element)(value);
  }
  return value;
}

/** A rule id such as `int32.gte_lte` covers both ends of a range; the value shows which one it exceeds. */
function rangeRefusal(violation: Violation, trail: Trail): Refusal | undefined {
  const bounds = readRule(violation.rule.slice(0, -1), trail.field && rulesOf(trail.field));
  if (!isMessage(bounds) || typeof trail.sent === 'object') return undefined;
  const least = boundIn(bounds, 'greaterThan', 'gt', 1);
  const greatest = boundIn(bounds, 'lessThan', 'lt', -1);
  const value = Number(trail.sent ?? 0);
  if (least !== undefined && value < least) return { rule: 'too_small', expected: least };
  return greatest !== undefined && value > greatest ? { rule: 'too_large', expected: greatest } : undefined;
}

/** @param step from an excluded bound to the next allowed number */
function boundIn(bounds: object, oneof: string, excluding: string, step: number): number | undefined {
  const chosen: unknown = Reflect.get(bounds, oneof);
  assert(typeof chosen === 'object' && chosen !== null);
  const value: unknown = Reflect.get(chosen, 'value');
  if (value === undefined) return undefined;
  return Number(value) + (Reflect.get(chosen, 'case') === excluding ? step : 0);
}
