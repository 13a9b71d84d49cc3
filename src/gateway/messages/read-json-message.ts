import { fromJson, type DescMessage, type JsonReadOptions, type Message } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import { isReadableByProtobuf } from '../request/json-guard.ts';
import { structFieldsOf, type StructField } from './struct-fields.ts';

/** Reads a message of JSON; throws what `fromJson` throws. A Struct's JSON is kept as it is, not copied. */
export type JsonMessageReader = (json: JsonValue) => Message;

/** Compiles the reader of a message. @see https://protobuf.dev/programming-guides/json/ */
export function createJsonMessageReader(schema: DescMessage, options: Partial<JsonReadOptions>): JsonMessageReader {
  const fields = structFieldsOf(schema);
  return (json) => {
    const lifted = isJsonObject(json) ? liftStructs(json, fields) : undefined;
    const rest = lifted?.rest ?? json;
    assert(isReadableByProtobuf(rest));
    const message = fromJson(schema, rest, options);
    for (const put of lifted?.puts ?? []) put(message);
    return message;
  };
}

interface Lifted {
  /** What is left for protobuf's reader. */
  readonly rest: JsonObject;
  /** Each puts one Struct where it belongs. */
  readonly puts: readonly ((message: object) => void)[];
}

/** Undefined where there is no Struct. */
function liftStructs(json: JsonObject, fields: readonly StructField[]): Lifted | undefined {
  let rest: Record<string, JsonValue> | undefined;
  const puts: Lifted['puts'][number][] = [];
  for (const { field, below } of fields) {
    const name = spellingOf(json, field.name, field.jsonName);
    const value = name === undefined ? undefined : json[name];
    if (name === undefined || !isJsonObject(value)) continue;
    const lifted = below && liftStructs(value, below);
    if (below && !lifted) continue;
    rest ??= { ...json };
    if (lifted) rest[name] = lifted.rest;
    else delete rest[name];
    puts.push((message) => {
      if (!lifted) Reflect.set(message, field.localName, value);
      else for (const put of lifted.puts) put(nested(message, field.localName));
    });
  }
  return rest && { rest, puts };
}

/** How a member was spelt; undefined where it was not sent, or twice, which protobuf's reader has its own answer to. */
function spellingOf(json: JsonObject, name: string, jsonName: string): string | undefined {
  const isNamed = Object.hasOwn(json, name);
  if (name === jsonName) return isNamed ? name : undefined;
  const isJsonNamed = Object.hasOwn(json, jsonName);
  if (isNamed === isJsonNamed) return undefined;
  return isNamed ? name : jsonName;
}

function nested(message: object, localName: string): object {
  const value: unknown = Reflect.get(message, localName);
  assert(typeof value === 'object' && value !== null);
  return value;
}
