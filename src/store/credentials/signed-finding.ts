import type { SealedVersion } from '../../vault/credentials/credential.ts';
import type { FoundCredential } from '../../vault/credentials/decision-ports.ts';
import type { CredentialGuard, SignedRow } from './credential-guard.ts';
import { credentialOf } from './credential-row.ts';

/** A credential as it was found, with the MAC of its row. */
export interface SignedFinding extends FoundCredential {
  /** Undefined where it is not genuine. */
  readonly mac: Uint8Array | undefined;
}

/** The credential of a row, after its MAC was checked. */
export function findingOf(
  guard: CredentialGuard,
  row: SignedRow,
  current: SealedVersion | undefined,
  settledVersion?: number,
): SignedFinding {
  const credential = credentialOf(row);
  const isGenuine = guard.isGenuine(row, credential);
  return { credential, current, isGenuine, mac: isGenuine ? (row.mac ?? undefined) : undefined, settledVersion };
}
