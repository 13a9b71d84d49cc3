import { clone, create, isMessage, type DescMessage, type DescMethod, type MessageInitShape } from '@bufbuild/protobuf';
import type { MessageShape } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';

/** Calls that change nothing but the audit trail, which gets an event for each that arrives. */
const repeatable: ReadonlySet<string> = new Set([
  'RevealSecret',
  'ResolveSecret',
  'BatchRevealSecrets',
  'CompareSecretVersions',
  'VerifyAuditTrail',
]);

/** Whether a call may be repeated although an earlier attempt may have arrived. */
export function isSafeToRepeat({ idempotency, input, name }: DescMethod): boolean {
  return (
    idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS || repeatable.has(name) || 'requestId' in input.field
  );
}

/** The request as a new message, with a random `request_id` where it takes one and has none. */
export function withRequestId<Desc extends DescMessage>(desc: Desc, input: MessageInitShape<Desc>): MessageShape<Desc> {
  const message = isMessage(input, desc) ? clone(desc, input) : create(desc, input);
  if ('requestId' in desc.field && Reflect.get(message, 'requestId') === '') {
    Reflect.set(message, 'requestId', crypto.randomUUID());
  }
  return message;
}
