import type { JsonObject } from '../json.ts';

/** The metadata of one stored secret. It never holds plaintext or ciphertext. */
export interface Credential {
  readonly workspaceId: string;
  /** UUIDv7, or whatever UUID the creator gave; so that `createdAt` comes first in the order of creation. */
  readonly id: string;
  readonly name: string;
  /** Whether no other such credential of the workspace may have the same name, as some dialects promise. */
  readonly nameIsExclusive: boolean;
  readonly description: string | null;
  /** Whom the secret is for: `openai`, `openAIApi`, `custom.crm`; as its dialect spells it. */
  readonly provider: string;
  /** What kind of proof the secret is: `api_key`, `slack`, `json`; as its dialect spells it. */
  readonly authType: string;
  readonly category: string | null;
  readonly scope: string | null;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly metadata: JsonObject | null;
  /** Whether it was activated; an expired credential may still be active in this sense. */
  readonly isActive: boolean;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly useCount: number;
  /** The number of the version that a reveal answers with, from 1. */
  readonly currentVersion: number;
  /** Counts the changes, from 1; the etag is made of it. Uses do not count. */
  readonly revision: number;
  /** The name of the dialect that created it. */
  readonly origin: string;
  /** The id of the user who created it. */
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly deletedAt: Date | null;
}

/** Where a credential stands in its life. */
export type CredentialState = 'ACTIVE' | 'INACTIVE' | 'EXPIRED' | 'DELETED';

/** The state at a moment: expiry comes by itself, and outranks deactivation. */
export function stateOf(credential: Credential, now: Date): CredentialState {
  if (credential.deletedAt !== null) return 'DELETED';
  if (credential.expiresAt !== null && credential.expiresAt <= now) return 'EXPIRED';
  return credential.isActive ? 'ACTIVE' : 'INACTIVE';
}

/** The etag of a credential's metadata, unquoted. @see https://google.aip.dev/154 */
export function etagOf(credential: Credential): string {
  return String(credential.revision);
}

/** One sealed secret of a credential. */
export interface SealedVersion {
  /** From 1, without gaps. */
  readonly version: number;
  /** @see docs/sealed-format.md */
  readonly sealed: Uint8Array;
  /** The id of the workspace key that sealed it, 8 bytes. */
  readonly keyId: Uint8Array;
  readonly createdBy: string;
  readonly createdAt: Date;
}
