import { VaultError } from '../vault/errors.ts';

/** Why sealed bytes do not open, for the operator's log. */
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
  padding_invalid: 'the padding of the plaintext is invalid',
  content_invalid: 'the plaintext is not a JSON object',
} as const;

export type UnreadableReason = keyof typeof explanations;

/** The cause of a refusal, for the operator's log only. It contains nothing of the secret. */
export class UnreadableError extends Error {
  readonly reason: UnreadableReason;

  constructor(reason: UnreadableReason) {
    super(explanations[reason]);
    this.name = 'UnreadableError';
    this.reason = reason;
  }
}

/** The only refusal that callers see: they cannot distinguish a wrong key from modified bytes. */
export function secretUnreadable(reason: UnreadableReason): VaultError {
  return new VaultError('secret_unreadable', 'the secret cannot be read', {}, { cause: new UnreadableError(reason) });
}
