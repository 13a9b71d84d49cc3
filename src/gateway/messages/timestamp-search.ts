import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { isJsonObject, type JsonValue } from '../../vault/json.ts';
import { parseTime } from '../../vault/time.ts';

/** Finds the first text in a message's JSON that stands for a timestamp and is no time; the answer is its path. */
export type TimestampSearch = (json: JsonValue) => string | undefined;

interface Member {
  readonly spellings: readonly string[];
  readonly name: string;
  readonly find: TimestampSearch;
}

/**
 * Makes the search of a message, since protobuf's reader takes 30 February for 1 March and the hour 24 for the next day.
 * Lists and maps of messages are not searched: no request has times in them.
 *
 * @returns undefined where the message has no timestamp
 */
export function createTimestampSearch(message: DescMessage): TimestampSearch | undefined {
  const members = membersOf(message, new Set());
  return members.length === 0 ? undefined : searchIn(members);
}

function membersOf(message: DescMessage, within: ReadonlySet<DescMessage>): readonly Member[] {
  if (within.has(message)) return [];
  return message.fields.flatMap((field) => compileMember(field, new Set([...within, message])) ?? []);
}

function compileMember(field: DescField, within: ReadonlySet<DescMessage>): Member | undefined {
  if (field.fieldKind !== 'message') return undefined;
  const spellings = [...new Set([field.name, field.jsonName])];
  if (field.message.typeName === 'google.protobuf.Timestamp') {
    return { spellings, name: field.name, find: (json) => (isTime(json) ? undefined : '') };
  }
  const members = membersOf(field.message, within);
  return members.length === 0 ? undefined : { spellings, name: field.name, find: searchIn(members) };
}

function searchIn(members: readonly Member[]): TimestampSearch {
  return (json) => {
    if (!isJsonObject(json)) return undefined;
    for (const { spellings, name, find } of members) {
      for (const spelling of spellings) {
        const path = Object.hasOwn(json, spelling) ? find(json[spelling] ?? null) : undefined;
        if (path !== undefined) return path === '' ? name : `${name}.${path}`;
      }
    }
    return undefined;
  };
}

/** What is no text is the reader's to refuse. */
function isTime(json: JsonValue): boolean {
  return typeof json !== 'string' || parseTime(json) !== undefined;
}
