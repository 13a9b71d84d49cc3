import assert from 'node:assert/strict';
import type { DescMessage, JsonValue } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import { VaultError } from '../../vault/errors.ts';
import { describeTextFlaw, placeOfFlaw } from '../../vault/json-scan.ts';
import { hasEscapedName } from '../../vault/json-tokens.ts';
import { sameJson } from '../../vault/json.ts';
import { readJson } from '../../vault/read-json.ts';
import { isReadableByProtobuf } from '../request/json-guard.ts';
import { createTimestampSearch } from '../messages/timestamp-search.ts';
import { connectErrorOf } from '../errors/connect-errors.ts';

/** Reads the JSON of an rpc's requests, for whichever protocol carries it. */
export interface RequestJson {
  /**
   * Parses JSON whose value is all that was sent.
   *
   * @throws TypeError for what is no UTF-8, SyntaxError for what is no JSON, ConnectError `invalid_argument` for a member that is
   *   sent twice, a number that a double cannot hold and a timestamp that is none
   */
  parse(bytes: Uint8Array): JsonValue;
  /** As `parse`, but answers the text: Connect's own codecs take it as their `textDecoder`, and parse it once more. */
  decode(bytes?: Uint8Array): string;
}

/** Compiles the reader of a message's JSON. */
export function createRequestJson(input: DescMessage): RequestJson {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const findBadTimestamp = createTimestampSearch(input);
  const parseText = (text: string): JsonValue => {
    const { value: json, flaw } = readJson(text);
    if (flaw) throw refusal(placeOfFlaw(flaw), describeTextFlaw(flaw));
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
      if (!hasEscapedName(text) || isReadRight(text, json)) return text;
      throw refusal(
        'body',
        'the body has a name with an escape that can be read only where the call is sent uncompressed',
      );
    },
  };
}

/** What comes after this parses the text by JSON.parse, which may confuse names that are written with escapes. */
function isReadRight(text: string, json: JsonValue): boolean {
  // The first time may teach it a name that it confuses another one with the second time.
  const parsed: readonly JsonValue[] = [JSON.parse(text), JSON.parse(text)];
  return parsed.every((value) => sameJson(value, json));
}

function refusal(field: string, message: string): ConnectError {
  return connectErrorOf(new VaultError('invalid_argument', message, { field }));
}
