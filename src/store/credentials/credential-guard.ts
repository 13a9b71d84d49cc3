import type { Credential, SealedVersion } from '../../vault/credentials/credential.ts';
import type { GrantMac } from '../../vault/identity/ports.ts';
import { credentialOf, type CredentialRow } from './credential-row.ts';
import { versionGrants } from '../identity/grant-tables.ts';
import { formatMacPrefix } from '../identity/grant-guard.ts';

/** A row of `credential` with what tells that Coffer has written it. */
export type SignedRow = CredentialRow & {
  /** Null only in a row from before there were MACs, and in what somebody else has put in. */
  readonly mac: Uint8Array | null | undefined;
};

/** Separates these MACs from those of rows that grant something. */
const table = 'credential';

/** Signs the rows of credentials, and tells those that are not as they were written. */
export class CredentialGuard {
  readonly #mac: GrantMac;

  constructor(mac: GrantMac) {
    this.#mac = mac;
  }

  /** The MAC over all that decides or is shown; not over uses, which are counted apart. */
  sign(credential: Credential): Uint8Array {
    const { name, nameIsExclusive } = credential;
    return this.#mac.compute(table, [serialize(credential, nameIsExclusive ? name : null)]);
  }

  /** The MAC over what the row of a new version says beside its sealed bytes. */
  signVersion({ workspaceId, id: credentialId }: Credential, version: SealedVersion): Uint8Array {
    const record = { ...version, workspaceId, credentialId, state: 'enabled' } as const;
    return this.#mac.compute(versionGrants.label, versionGrants.fields(record));
  }

  isGenuine(row: SignedRow): boolean {
    if (!row.mac) return false;
    const serialized = serializeRow(row);
    return serialized !== undefined && this.#mac.verify(table, [serialized], row.mac);
  }
}

/** The state of a credential as the events about it tell it: revision, version, and the first half of the row's MAC in hex. */
export function formatCredentialState({ revision, currentVersion }: Credential, mac: Uint8Array): string {
  return `${revision}.${currentVersion}.${formatMacPrefix(mac)}`;
}

/** Undefined for a row with values of other types than are ever stored, or nested too deep: it was not written here. */
function serializeRow(row: SignedRow): string | undefined {
  try {
    return serialize(credentialOf(row), row.exclusiveName ?? null);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** One text for all, since that is fast. Changing the order or the spelling voids all stored rows. */
function serialize(credential: Credential, exclusiveName: string | null): string {
  return JSON.stringify([
    credential.workspaceId,
    credential.id,
    storable(credential.name),
    storable(exclusiveName),
    storable(credential.description),
    storable(credential.provider),
    storable(credential.authType),
    storable(credential.category),
    storable(credential.scope),
    credential.tags.map(storable),
    // The database keeps them in an order of its own.
    Object.entries(credential.labels)
      .map((label) => label.map(storable))
      .toSorted(([one = ''], [other = '']) => (String(one) < String(other) ? -1 : 1)),
    credential.metadata,
    credential.isActive,
    instant(credential.expiresAt),
    credential.currentVersion,
    credential.revision,
    credential.origin,
    credential.createdBy,
    instant(credential.createdAt),
    instant(credential.updatedAt),
    instant(credential.deletedAt),
  ]);
}

/** What the database keeps of a text: a surrogate without its other half is no character in UTF-8. */
function storable(text: string | null): string | null {
  return text?.toWellFormed() ?? null;
}

/** As text, since JSON takes a time that is none for null; the database knows such, like `infinity`. */
function instant(time: Date | null): string | null {
  return time === null ? null : String(Number(time));
}
