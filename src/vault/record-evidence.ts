/** What is stored of a credential at one moment, beside what the trail tells of it. */
export interface CredentialEvidence {
  readonly workspaceId: string;
  readonly id: string;
  /** Undefined where there is no such row. */
  readonly row:
    | {
        /** Whether its MAC is that of all that it says. */
        readonly isGenuine: boolean;
        /** Whether what its MAC does not cover, its uses, can be read. */
        readonly isReadable: boolean;
        readonly revision: number;
        readonly updatedAt: Date;
        /** As events tell it. */
        readonly state: string | undefined;
      }
    | undefined;
  /** The state with the highest revision that any event tells; undefined where none does. */
  readonly told: { readonly revision: number; readonly state: string } | undefined;
  /** Events tell two states of one revision: an earlier one was put back, and changed once more. */
  readonly isForked: boolean;
}

/** A version of a credential that is stored, or should be. */
export interface VersionEvidence {
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly currentVersion: number;
  /** Null where the credential has none at all. */
  readonly version: number | null;
  readonly sealed: Uint8Array;
  /** Whether the row's MAC is that of all that it says beside its sealed bytes. */
  readonly isGenuine: boolean;
}

/** A row that grants something, and is not what it was when Coffer last wrote it, or told of it. */
export interface GrantEvidence {
  readonly table: string;
  readonly id: string;
  readonly flaw: GrantFlaw;
}

/**
 * Its MAC fails; what its MAC does not cover cannot be read; it is gone; it is back, though it was deleted; it is in force again, though that was ended; it is in an earlier
 * state; or it was so, and was changed once more.
 */
export type GrantFlaw = 'changed' | 'unreadable' | 'removed' | 'restored' | 'revived' | 'reverted' | 'forked';

/** The rows that decide something, as they were at one moment: of each kind some at a time. */
export interface RecordReader {
  credentials(): AsyncIterable<readonly CredentialEvidence[]>;
  grants(): AsyncIterable<readonly GrantEvidence[]>;
}

/** Reads the versions of credentials, some at a time, each part at a moment of its own: they never change. */
export interface VersionReader {
  readVersions(): AsyncIterable<readonly VersionEvidence[]>;
  /** Whether a workspace is there, and was not deleted meanwhile. */
  isLiving(workspaceId: string): Promise<boolean>;
}
