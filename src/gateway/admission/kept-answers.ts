import { clone, fromBinary, toBinary, type DescMessage, type Message } from '@bufbuild/protobuf';
import {
  isReflectList,
  isReflectMap,
  isReflectMessage,
  reflect,
  type ReflectMessage,
} from '@bufbuild/protobuf/reflect';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { VaultError } from '../../vault/errors.ts';
import { isSecretField } from '../routes/message-fields.ts';

/** The largest answer that is kept for repetitions, in bytes. */
const keptBytesMax = 65_536;
/** Larger answers, such as those of batches, are compressed, which the first byte indicates. */
const plainBytesMax = 16_384;
const forms = { plain: 0, deflated: 1 } as const;

/**
 * Serializes an answer for repetitions of its request, without the fields that are marked `debug_redact`.
 *
 * @throws VaultError `resource_exhausted` if it has more than 64 KiB
 */
export function serializeAnswer(schema: DescMessage, answer: Message): Uint8Array {
  const kept = clone(schema, answer);
  clearSecrets(reflect(schema, kept));
  const message = toBinary(schema, kept);
  const isPlain = message.length <= plainBytesMax;
  const bytes = Buffer.concat([
    Uint8Array.of(isPlain ? forms.plain : forms.deflated),
    isPlain ? message : deflateRawSync(message),
  ]);
  if (bytes.length > keptBytesMax) {
    throw new VaultError('resource_exhausted', 'the answer is too large to be kept: send the request without an id');
  }
  return bytes;
}

/** Reads an answer that `serializeAnswer` has written. */
export function readAnswer(schema: DescMessage, bytes: Uint8Array): Message {
  const content = bytes.subarray(1);
  return fromBinary(schema, bytes[0] === forms.plain ? content : inflateRawSync(content));
}

function clearSecrets(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (isSecretField(field)) message.clear(field);
    else if (field.message && message.isSet(field)) clearNested(message.get(field));
  }
}

function clearNested(value: unknown): void {
  if (isReflectMessage(value)) clearSecrets(value);
  else if (isReflectList(value)) for (const item of value) clearNested(item);
  else if (isReflectMap(value)) for (const [, item] of value) clearNested(item);
}
