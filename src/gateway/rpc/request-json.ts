import type { DescField, DescMessage, JsonValue } from '@bufbuild/protobuf';
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
   *   a number that a double cannot represent, and an invalid timestamp
   */
  parse(bytes: Uint8Array): JsonValue;
  /** As `parse`, but returns the text: Connect's codecs take it as their `textDecoder`, and parse it again. */
  decode(bytes?: Uint8Array): string;
}

/** Compiles the reader of a message type's JSON. */
export function createRequestJson(input: DescMessage): RequestJson {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const findBadTimestamp = createTimestampSearch(input);
  const parseText = (text: string): JsonValue => {
    const { value: json, flaw } = readJson(text);
    if (flaw) throw refusal(pathOfFlaw(flaw), describeTextFlaw(flaw));
    const field = findBadTimestamp?.(json);
    if (field !== undefined) throw refusal(field, `${field} must be a time as in RFC 3339, of the years 1 to 9999`);
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

/** Finds the first text in the JSON of a message that is invalid as a timestamp; returns its path. */
type TimestampSearch = (json: ReadonlyJsonValue) => string | undefined;

interface TimedMember {
  readonly names: readonly string[];
  readonly name: string;
  readonly find: TimestampSearch;
}

/**
 * Creates the search of a message type; undefined if it has no timestamp. Protobuf's reader takes 30 February for 1 March and
 * the hour 24 for the next day. Lists and maps of messages are not searched, because no request has times in them.
 */
function createTimestampSearch(
  message: DescMessage,
  within: ReadonlySet<DescMessage> = new Set(),
): TimestampSearch | undefined {
  if (within.has(message)) return undefined;
  const members = message.fields.flatMap((field) => timedMember(field, new Set([...within, message])) ?? []);
  return members.length === 0 ? undefined : (json) => findIn(members, json);
}

function timedMember(field: DescField, within: ReadonlySet<DescMessage>): TimedMember | undefined {
  if (field.fieldKind !== 'message') return undefined;
  const isTimestamp = field.message.typeName === 'google.protobuf.Timestamp';
  const find = isTimestamp ? findInTime : createTimestampSearch(field.message, within);
  return find && { names: [...new Set([field.name, field.jsonName])], name: field.name, find };
}

function findIn(members: readonly TimedMember[], json: ReadonlyJsonValue): string | undefined {
  if (!isJsonObject(json)) return undefined;
  for (const { names, name, find } of members) {
    for (const sent of names) {
      const path = Object.hasOwn(json, sent) ? find(json[sent] ?? null) : undefined;
      if (path !== undefined) return path === '' ? name : `${name}.${path}`;
    }
  }
  return undefined;
}

/** Anything but text is refused by protobuf's reader. */
function findInTime(json: ReadonlyJsonValue): string | undefined {
  return typeof json !== 'string' || parseTime(json) !== undefined ? undefined : '';
}
