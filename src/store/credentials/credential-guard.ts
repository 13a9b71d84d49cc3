import type { Credential, SealedVersion, StoredVersion } from '../../vault/credentials/credential.ts';
import type { GrantMac } from '../../vault/identity/ports.ts';
import { credentialColumns } from '../entities/credential.ts';
import { credentialOf, credentialProperties, type CredentialRow } from './credential-row.ts';
import { ScopeMarks } from './scope-marks.ts';
import { signedText } from './signed-text.ts';
import { versionGrants, type VersionRecord } from '../identity/grant-tables.ts';
import { formatMacPrefix } from '../identity/grant-guard.ts';

/** A row of `credential` with its MAC. */
export type SignedRow = CredentialRow & {
  /** Null only in a row from before there were MACs, and in what somebody else has put in. */
  readonly mac: Uint8Array | null | undefined;
};

type CredentialKey = Pick<Credential, 'workspaceId' | 'id'>;

/** Separates these MACs from those of rows that grant something. */
const table = 'credential';

/** Signs the rows of credentials, and finds those that are not as they were written. */
export class CredentialGuard {
  /** Of what scopes of keys are compared with. */
  readonly scopeMarks: ScopeMarks;
  readonly #mac: GrantMac;

  constructor(mac: GrantMac) {
    this.#mac = mac;
    this.scopeMarks = new ScopeMarks(mac);
  }

  /** The MAC over all that decides or is shown; not over uses, which are counted apart. */
  sign(credential: Credential): Uint8Array {
    const { name, nameIsExclusive } = credential;
    return this.#mac.compute(table, [serialize(credential, nameIsExclusive ? name : null)]);
  }

  /** The MAC over the row of a new version, without its sealed bytes. */
  signVersion({ workspaceId, id: credentialId }: CredentialKey, version: SealedVersion): Uint8Array {
    const record = { ...version, workspaceId, credentialId, state: 'enabled' } as const;
    return this.#mac.compute(versionGrants.label, versionGrants.fields(record));
  }

  /** The MAC over the row of a version once it is destroyed. */
  signDestroyedVersion({ workspaceId, id: credentialId }: CredentialKey, version: StoredVersion): Uint8Array {
    const record = { ...version, workspaceId, credentialId, state: 'destroyed', keyId: null } as const;
    return this.#mac.compute(versionGrants.label, versionGrants.fields(record));
  }

  /** Whether the MAC of the row of a version is valid. */
  isGenuineVersion(
    { workspaceId, id: credentialId }: CredentialKey,
    version: Omit<VersionRecord, 'workspaceId' | 'credentialId'>,
    mac: Uint8Array | null,
  ): boolean {
    const fields = versionGrants.fields({ ...version, workspaceId, credentialId });
    return mac !== null && this.#mac.verify(versionGrants.label, fields, mac);
  }

  /** @param credential the one in the row */
  isGenuine(row: SignedRow, credential = credentialOf(row)): boolean {
    if (!row.mac) return false;
    const serialized = serializeRow(row, credential);
    return serialized !== undefined && this.#mac.verify(table, [serialized], row.mac);
  }
}

/** The state of a credential as its events record it: revision, version, and the first half of the row's MAC in hex. */
export function formatCredentialState({ revision, currentVersion }: Credential, mac: Uint8Array): string {
  return `${revision}.${currentVersion}.${formatMacPrefix(mac)}`;
}

/** Undefined for a row with values of other types than are ever stored, or nested too deep: it was not written here. */
function serializeRow(row: SignedRow, credential: Credential): string | undefined {
  try {
    return serialize(credential, row.exclusiveName ?? null);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined;
    throw error;
  }
}

const signedTextOf = signedText(credentialProperties, credentialColumns);

function serialize(credential: Credential, exclusiveName: string | null): string {
  return signedTextOf((property) => (property === 'exclusiveName' ? exclusiveName : credential[property]));
}
