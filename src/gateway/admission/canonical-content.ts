import type { DescField, Message } from '@bufbuild/protobuf';
import {
  isReflectList,
  isReflectMap,
  isReflectMessage,
  reflect,
  type ReflectMessage,
} from '@bufbuild/protobuf/reflect';
import type { DescMessage } from '@bufbuild/protobuf';
import type { Caller } from '../../vault/caller.ts';
import { parseId, shortIdOf } from '../../vault/ids.ts';
import { requestIdField } from './request-ids.ts';

type Canonical = string | number | boolean | readonly Canonical[];

/** What the same request may name in several ways. */
export interface ContentOptions {
  readonly caller: Pick<Caller, 'defaultWorkspaceId'>;
  /** Whether `workspace_id` is left out, because the workspace of the call stands for it. */
  readonly isInWorkspace: boolean;
}

/**
 * Serializes a request so that equal requests have equal texts in every protocol: by the numbers of the fields that are set, maps
 * in the order of their keys, ids in their short form, and without the request id.
 */
export function canonicalContent(schema: DescMessage, message: Message, options: ContentOptions): string {
  const { caller, isInWorkspace } = options;
  const omitted = new Set([requestIdField, ...(isInWorkspace ? ['workspace_id'] : [])]);
  const members = membersOf(reflect(schema, message), caller, ({ name }) => !omitted.has(name));
  return JSON.stringify(members);
}

function membersOf(
  message: ReflectMessage,
  caller: ContentOptions['caller'],
  isIncluded: (field: DescField) => boolean = () => true,
): Canonical {
  return message.sortedFields
    .filter((field) => isIncluded(field) && message.isSet(field))
    .map((field) => [field.number, valueOf(message.get(field), field, caller)]);
}

function valueOf(value: unknown, field: DescField, caller: ContentOptions['caller']): Canonical {
  if (isReflectMessage(value)) return membersOf(value, caller);
  if (isReflectList(value)) return [...value].map((item) => valueOf(item, field, caller));
  if (isReflectMap(value)) {
    const entries = [...value].map(([key, item]) => [String(key), valueOf(item, field, caller)] as const);
    return entries.toSorted(([one], [other]) => (one < other ? -1 : 1));
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'string') return field.name.endsWith('_id') ? idText(value, field, caller) : value;
  // JSON has neither NaN, the infinities, the negative zero nor 64-bit integers.
  return typeof value === 'boolean' ? value : numberText(value);
}

function numberText(value: unknown): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

const shortIdPattern = /^(?:CRD|USR|WSP)-(?<digits>[0-9A-F]{16})$/;

function idText(text: string, { name }: DescField, { defaultWorkspaceId }: ContentOptions['caller']): string {
  if (text === 'default' && name.endsWith('workspace_id')) return shortIdOf(defaultWorkspaceId);
  const id = parseId(text);
  return id === undefined ? (shortIdPattern.exec(text)?.groups?.['digits'] ?? text) : shortIdOf(id);
}
