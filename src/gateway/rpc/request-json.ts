import { ScalarType, type DescField, type DescMessage, type JsonValue } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import assert from 'node:assert/strict';
import { VaultError } from '../../vault/errors.ts';
import { describeTextFlaw, pathOfFlaw } from '../../vault/json-scan.ts';
import { hasEscapedName } from '../../vault/json-tokens.ts';
import { isJsonObject, sameJson, type JsonValue as ReadonlyJsonValue } from '../../vault/json.ts';
import { readJson } from '../../vault/read-json.ts';
import { parseTime } from '../../vault/time.ts';
import { connectErrorOf } from '../errors/connect-errors.ts';
import { isReadableByProtobuf } from '../request/json-guard.ts';

/** Reads the JSON of an rpc's requests, for every protocol. */
export interface RequestJson {
  /**
   * Parses JSON without losing or changing a value.
   *
   * @throws TypeError for invalid UTF-8, SyntaxError for invalid JSON, ConnectError `invalid_argument` for a duplicate member,
   *   a number that a double cannot represent, an invalid timestamp, and an integer of far too many digits
   */
  parse(bytes: Uint8Array): JsonValue;
  /** As `parse`, but returns the text: Connect's codecs take it as their `textDecoder`, and parse it again. */
  decode(bytes?: Uint8Array): string;
}

/** Compiles the reader of a message type's JSON. */
export function createRequestJson(input: DescMessage): RequestJson {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const findInvalid = createValueSearch(input);
  const parseText = (text: string): JsonValue => {
    const { value: json, flaw } = readJson(text);
    if (flaw) throw refusal(pathOfFlaw(flaw), describeTextFlaw(flaw));
    const invalid = findInvalid?.(json);
    if (invalid) throw refusal(invalid.path, `${invalid.path} ${invalid.rule}`);
    assert(isReadableByProtobuf(json));
    return json;
  };
  return {
    parse: (bytes) => parseText(utf8.decode(bytes)),
    decode(bytes) {
      const text = utf8.decode(bytes);
      const json = parseText(text);
      if (!hasEscapedName(text) || parsesEqually(text, json)) return text;
      throw refusal(
        'body',
        'the body has a name with an escape that can be read only where the call is sent uncompressed',
      );
    },
  };
}

/** Connect parses the text by JSON.parse, which may confuse names that are written with escapes. */
function parsesEqually(text: string, json: JsonValue): boolean {
  // Names that JSON.parse caches in the first pass may be confused in the second.
  const parsed: readonly JsonValue[] = [JSON.parse(text), JSON.parse(text)];
  return parsed.every((value) => sameJson(value, json));
}

function refusal(field: string, message: string): ConnectError {
  return connectErrorOf(new VaultError('invalid_argument', message, { field }));
}

/** A value that protobuf's reader must not get. */
interface InvalidValue {
  readonly path: string;
  readonly rule: string;
}

/** Finds the first value in the JSON of a message that protobuf's reader must not get. */
type ValueSearch = (json: ReadonlyJsonValue) => InvalidValue | undefined;

interface SearchedMember {
  readonly names: readonly string[];
  readonly name: string;
  readonly find: ValueSearch;
}

/** An integer of 64 bits has at most 20; `BigInt` takes 86 ms for 790,000. */
const integerCharactersMax = 40;

const integerTypes: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

const integerWrappers: ReadonlySet<string> = new Set(['google.protobuf.Int64Value', 'google.protobuf.UInt64Value']);

/**
 * Creates the search of a message type; undefined if it has nothing to search. Protobuf's reader takes 30 February for 1 March
 * and the hour 24 for the next day, and converts a text of any length to an integer. Lists and maps of messages are not
 * searched, because no request has times or integers of 64 bits in them.
 */
function createValueSearch(
  message: DescMessage,
  within: ReadonlySet<DescMessage> = new Set(),
): ValueSearch | undefined {
  if (within.has(message)) return undefined;
  const members = message.fields.flatMap((field) => searchedMember(field, new Set([...within, message])) ?? []);
  return members.length === 0 ? undefined : (json) => findIn(members, json);
}

function searchedMember(field: DescField, within: ReadonlySet<DescMessage>): SearchedMember | undefined {
  const find = searchOf(field, within);
  return find && { names: [...new Set([field.name, field.jsonName])], name: field.name, find };
}

function searchOf(field: DescField, within: ReadonlySet<DescMessage>): ValueSearch | undefined {
  if (field.scalar !== undefined && integerTypes.has(field.scalar)) {
    return field.fieldKind === 'scalar' ? findInInteger : findInIntegers;
  }
  if (field.fieldKind !== 'message') return undefined;
  if (integerWrappers.has(field.message.typeName)) return findInInteger;
  return field.message.typeName === 'google.protobuf.Timestamp' ? findInTime : createValueSearch(field.message, within);
}

function findIn(members: readonly SearchedMember[], json: ReadonlyJsonValue): InvalidValue | undefined {
  if (!isJsonObject(json)) return undefined;
  for (const { names, name, find } of members) {
    for (const sent of names) {
      const found = Object.hasOwn(json, sent) ? find(json[sent] ?? null) : undefined;
      if (found) return { ...found, path: found.path === '' ? name : `${name}.${found.path}` };
    }
  }
  return undefined;
}

/** Anything but text is refused by protobuf's reader. */
function findInTime(json: ReadonlyJsonValue): InvalidValue | undefined {
  if (typeof json !== 'string' || parseTime(json) !== undefined) return undefined;
  return { path: '', rule: 'must be a time as in RFC 3339, of the years 1 to 9999' };
}

function findInInteger(json: ReadonlyJsonValue): InvalidValue | undefined {
  if (typeof json !== 'string' || json.length <= integerCharactersMax) return undefined;
  return { path: '', rule: 'must be an integer of 64 bits' };
}

/** Of a list or a map. */
function findInIntegers(json: ReadonlyJsonValue): InvalidValue | undefined {
  const integers = typeof json === 'object' && json !== null ? Object.values<ReadonlyJsonValue>(json) : [];
  return integers.map(findInInteger).find((found) => found !== undefined);
}
