import { VaultError } from '../vault/errors.ts';

/** Why something sealed does not open, in words for the operator's log. */
const explanations = {
  format_unknown: 'the format version of the sealed bytes is unknown',
  format_invalid: 'the sealed bytes are too short for their format',
  key_missing: 'the workspace has no key',
  key_unknown: 'wrong key: the workspace has no key of the id that the sealed bytes name',
  key_wiped: 'the keys of the workspace have been wiped',
  master_key_wrong: 'wrong key: the workspace key was wrapped by another master key',
  workspace_key_invalid: 'the wrapped workspace key was moved or tampered with',
  commitment_invalid: 'the sealed bytes were moved or tampered with: the commitment is not that of this record',
  box_invalid: 'the sealed bytes were tampered with: the box does not open',
  padding_invalid: 'the plaintext is not padded as the format says',
  content_invalid: 'the plaintext is not a JSON object',
} as const;

/** The closed list of causes. */
export type UnreadableReason = keyof typeof explanations;

/** Tells the operator, though never a caller, why a secret does not open; it holds no byte of it. */
export class UnreadableError extends Error {
  readonly reason: UnreadableReason;

  constructor(reason: UnreadableReason) {
    super(explanations[reason]);
    this.name = 'UnreadableError';
    this.reason = reason;
  }
}

/** The one public refusal, whose cause is for the log: callers can't tell a wrong key from tampered bytes. */
export function secretUnreadable(reason: UnreadableReason): VaultError {
  return new VaultError('secret_unreadable', 'the secret cannot be read', {}, { cause: new UnreadableError(reason) });
}
