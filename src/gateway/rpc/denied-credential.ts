import type { Message } from '@bufbuild/protobuf';
import { setTimeout as delay } from 'node:timers/promises';
import { VaultError } from '../../vault/errors.ts';
import { namedCredential } from '../contract/bound-rpc.ts';
import type { GuardedAttempt } from './rpc-service.ts';

/** How long the answer to a denied call waits for the message that names the credential, in milliseconds. */
const messageWaitMs = 1_000;

/** Whether a known caller was denied the call before its message was read, which may name the credential. */
export function isDeniedUnread(error: unknown, { served, exchange }: GuardedAttempt): boolean {
  const isDenied = error instanceof VaultError && error.code === 'permission_denied';
  return isDenied && exchange.found.caller !== undefined && served.rpc.access.kind === 'workspace';
}

/** Reads the message of a call that is denied already, within its own limits, for what the event of the denial names. */
export async function nameCredential(
  { served, exchange }: GuardedAttempt,
  read: () => Promise<Message>,
): Promise<void> {
  const waiting = new AbortController();
  const late = delay(messageWaitMs, undefined, { signal: waiting.signal }).catch(() => undefined);
  // What is no message names nothing.
  const message = await Promise.race([read().catch(() => undefined), late]);
  waiting.abort();
  if (message) exchange.found.credential = namedCredential(served.rpc, message);
}
