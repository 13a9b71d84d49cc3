import { ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import type { Fault } from '../contract/dialect.ts';
import { resolveFieldPath, type FieldPath } from '../routes/message-fields.ts';
import type { PathTemplate } from '../routes/path-template.ts';

/** An object under construction. */
export interface MutableObject {
  [name: string]: JsonValue | MutableObject;
}

const truthValues: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** The parameters of a query, by what they are. */
interface QueryParameters {
  readonly sent: JsonObject;
  readonly unknown: readonly string[];
  readonly twice: readonly string[];
  readonly repeated: readonly string[];
}

/**
 * Builds JSON from the parameters of a query: `a.b=1` is nested; a list is given by repetition or as `a[]=`, a field mask also
 * with commas. Of several values for a single-valued field the last counts, and the parameter is also in `repeated`. A value that
 * does not fit the type of its field stays text, for the checker to refuse.
 *
 * @returns the JSON by proto names, the parameters that match no field, the second names of fields sent by both names, and the
 *   parameters of single-valued fields with several values
 */
export function readQuery(message: DescMessage, query: URLSearchParams): QueryParameters {
  const sent: MutableObject = {};
  const unknown: string[] = [];
  const twice: string[] = [];
  const repeated: string[] = [];
  const names = new Map<string, string>();
  const texts = valuesByName(query);
  for (const name of texts.keys()) {
    // `a` and `a[]` are the same parameter; each is read together with the other.
    const bare = name.endsWith('[]') ? name.slice(0, -2) : name;
    const path = resolveFieldPath(message, bare);
    if (!path || !isTextField(path.last)) {
      unknown.push(name);
      continue;
    }
    if ((names.get(path.name) ?? bare) !== bare) twice.push(bare);
    names.set(path.name, bare);
    const values = [...(texts.get(bare) ?? []), ...(texts.get(`${bare}[]`) ?? [])];
    if (values.length > 1 && !takesSeveral(path.last) && !repeated.includes(bare)) repeated.push(bare);
    place(sent, path, valueOf(path.last, values));
  }
  return { sent, unknown, twice, repeated };
}

/** The values of each parameter of a query, in order. */
export function valuesByName(query: URLSearchParams): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of query) {
    const known = values.get(name);
    if (known) known.push(value);
    else values.set(name, [value]);
  }
  return values;
}

/** The fields of the variables of a template, by the names of the variables. */
export type VariablePaths = readonly (readonly [name: string, path: FieldPath])[];

/** Finds the fields of the variables of a template, once for all requests. */
export function pathsOfVariables(message: DescMessage, { variables }: PathTemplate): VariablePaths {
  return variables.map(({ fieldPath }) => {
    const path = resolveFieldPath(message, fieldPath);
    assert(path);
    return [fieldPath, path];
  });
}

/** Builds JSON from the values of the variables of a path. */
export function readVariables(paths: VariablePaths, variables: Readonly<Record<string, string>>): JsonObject {
  const sent: MutableObject = {};
  for (const [name, path] of paths) place(sent, path, valueOf(path.last, [variables[name] ?? '']));
  return sent;
}

/** Merges two objects. Where both have a value, the first wins; if one is empty, the result is the other itself. */
export function mergeTrees(winner: JsonObject, other: JsonObject): JsonObject {
  if (isEmpty(other)) return winner;
  if (isEmpty(winner)) return other;
  const merged: Record<string, JsonValue> = { ...other };
  for (const [name, value] of Object.entries(winner)) {
    const below = merged[name];
    merged[name] = isJsonObject(value) && isJsonObject(below) ? mergeTrees(value, below) : value;
  }
  return merged;
}

function isEmpty(tree: JsonObject): boolean {
  return Object.keys(tree).length === 0;
}

/** The fault of a parameter that matches no field. */
export function unknownParameter(name: string): Fault {
  return { source: 'query', path: [name], rule: 'unknown_member', input: undefined };
}

/** Whether a field can be given as text: a scalar, an enum, or a message whose JSON is text or a scalar, or a list of them. */
export function isTextField(field: DescField): boolean {
  if (field.fieldKind === 'map') return false;
  return !field.message || isWrapperDesc(field.message) || textMessages.has(field.message.typeName);
}

const fieldMask = 'google.protobuf.FieldMask';
const textMessages: ReadonlySet<string> = new Set([fieldMask, 'google.protobuf.Timestamp', 'google.protobuf.Duration']);

/** Whether a field takes several values: a list, or a field mask. */
function takesSeveral(field: DescField): boolean {
  return field.fieldKind === 'list' || field.message?.typeName === fieldMask;
}

function valueOf(field: DescField, texts: readonly string[]): JsonValue {
  if (field.fieldKind === 'list') return texts.map((text) => scalarOf(field, text));
  if (field.message?.typeName === fieldMask) return texts.join(',');
  return scalarOf(field, texts.at(-1) ?? '');
}

/** Numbers stay text: the checker accepts digits, and a refusal shows the value as it was sent. */
function scalarOf(field: DescField, text: string): JsonValue {
  const { message } = field;
  const scalar = message && isWrapperDesc(message) ? message.fields[0].scalar : field.scalar;
  if (scalar === ScalarType.BOOL) return truthValues.get(text.toLowerCase()) ?? text;
  return field.enum && /^\d{1,9}$/.test(text) ? Number(text) : text;
}

function place(tree: MutableObject, path: FieldPath, value: JsonValue): void {
  let at = tree;
  for (const field of path.fields.slice(0, -1)) at = childOf(at, field.name);
  at[path.last.name] = value;
}

function childOf(tree: MutableObject, name: string): MutableObject {
  const child = tree[name];
  if (isMutable(child)) return child;
  const made: MutableObject = {};
  tree[name] = made;
  return made;
}

function isMutable(value: JsonValue | MutableObject | undefined): value is MutableObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
