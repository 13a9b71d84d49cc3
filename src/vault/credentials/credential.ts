import type { JsonObject } from '../json.ts';

/** The metadata of a credential that a caller chooses. */
export interface CredentialDraft {
  readonly name: string;
  /** Whether no other credential with an exclusive name in the workspace may have the same name, as some dialects require. */
  readonly nameIsExclusive: boolean;
  readonly description: string | null;
  /** The service that the secret is for, in its dialect's form: `openai`, `openAIApi`, `custom.crm`. */
  readonly provider: string;
  /** The kind of secret, in its dialect's form: `api_key`, `slack`, `json`. */
  readonly authType: string;
  readonly category: string | null;
  readonly scope: string | null;
  /** The end user or customer of the calling platform on whose behalf it is kept. Personal data: only in rows and answers. */
  readonly subject: string | null;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly metadata: JsonObject | null;
  /** Whether the credential is activated, regardless of its expiry. */
  readonly isActive: boolean;
  /** A time in the past is accepted: the credential is then expired at once. */
  readonly expiresAt: Date | null;
}

/** The metadata of a stored secret, without plaintext or ciphertext. */
export interface Credential extends CredentialDraft {
  readonly workspaceId: string;
  /** A UUIDv7, or the UUID that the creator chose. Lists in the order of creation therefore sort by `createdAt` first. */
  readonly id: string;
  readonly lastUsedAt: Date | null;
  readonly useCount: number;
  /** The number of the version that a reveal returns, from 1. */
  readonly currentVersion: number;
  /** The number of the oldest version that is kept; null while none was pruned. */
  readonly oldestVersion: number | null;
  /** The number of changes, from 1, which the etag is derived from. Uses do not count. */
  readonly revision: number;
  /** The name of the dialect that created it. */
  readonly origin: string;
  /** The id of the user who created it. */
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly deletedAt: Date | null;
  /** When a deleted credential is purged, fixed at its deletion; null for one that an earlier release deleted. */
  readonly purgeAt: Date | null;
  /** When it was purged. Only its identity is left of it, so that neither a revision nor a version is used again. */
  readonly purgedAt: Date | null;
  /** When the next notice of its expiry is due. It is not part of the state that an etag identifies. */
  readonly noticeAt: Date | null;
}

export type CredentialState = 'ACTIVE' | 'INACTIVE' | 'EXPIRED' | 'DELETED';

/** The state at a given time. Expiry takes precedence over deactivation. */
export function stateOf(credential: Credential, now: Date): CredentialState {
  if (credential.deletedAt !== null) return 'DELETED';
  if (credential.expiresAt !== null && credential.expiresAt <= now) return 'EXPIRED';
  return credential.isActive ? 'ACTIVE' : 'INACTIVE';
}

/** The etag of a credential's metadata, unquoted. @see https://google.aip.dev/154 */
export function etagOf(credential: Credential): string {
  return String(credential.revision);
}

/** A sealed secret of a credential. */
export interface SealedVersion {
  /** From 1, without gaps. */
  readonly version: number;
  /** @see docs/sealed-format.md */
  readonly sealed: Uint8Array;
  /** The id of the workspace key that sealed it: 8 bytes. */
  readonly keyId: Uint8Array;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** A version as it is stored, with or without its content. */
export interface StoredVersion extends Omit<SealedVersion, 'sealed' | 'keyId'> {
  /** Null if it was destroyed. */
  readonly sealed: Uint8Array | null;
  /** Whether the MAC of its row, which does not cover the sealed bytes, is valid. */
  readonly isGenuine: boolean;
}

/** Who made a version, and when. */
export interface VersionRecord extends Omit<SealedVersion, 'sealed' | 'keyId'> {
  readonly isDestroyed: boolean;
}

export type VersionState = 'CURRENT' | 'SUPERSEDED' | 'DESTROYED';

/** The state of a version of a credential. */
export function stateOfVersion({ currentVersion }: Credential, { version, isDestroyed }: VersionRecord): VersionState {
  if (isDestroyed) return 'DESTROYED';
  return version === currentVersion ? 'CURRENT' : 'SUPERSEDED';
}
