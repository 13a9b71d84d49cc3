import type { Credential, SealedVersion } from '../../vault/credentials/credential.ts';
import type { GrantMac } from '../../vault/identity/ports.ts';
import { credentialColumns, type ColumnRule } from '../entities/credential.ts';
import { credentialOf, credentialProperties, type CredentialProperty, type CredentialRow } from './credential-row.ts';
import { versionGrants } from '../identity/grant-tables.ts';
import { formatMacPrefix } from '../identity/grant-guard.ts';

/** A row of `credential` with its MAC. */
export type SignedRow = CredentialRow & {
  /** Null only in a row from before there were MACs, and in what somebody else has put in. */
  readonly mac: Uint8Array | null | undefined;
};

/** Separates these MACs from those of rows that grant something. */
const table = 'credential';

/** Signs the rows of credentials, and finds those that are not as they were written. */
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

  /** The MAC over the row of a new version, without its sealed bytes. */
  signVersion({ workspaceId, id: credentialId }: Credential, version: SealedVersion): Uint8Array {
    const record = { ...version, workspaceId, credentialId, state: 'enabled' } as const;
    return this.#mac.compute(versionGrants.label, versionGrants.fields(record));
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

/** How values are written under the MAC, by the types of their columns; those of other types as they are. */
const writers: Readonly<Partial<Record<ColumnRule['type'], (value: unknown) => unknown>>> = {
  text: storable,
  'text[]': (texts) => listOf(texts).map(storable),
  jsonb: sortedEntries,
  timestamptz: instant,
};

const byPlace = signedColumns('by place');
const byName = signedColumns('by name');

function signedColumns(signed: ColumnRule['signed']) {
  const rules: Readonly<Record<CredentialProperty, ColumnRule>> = credentialColumns;
  return credentialProperties
    .filter((property) => rules[property].signed === signed)
    .map((property) => ({ property, write: writers[rules[property].type] }));
}

/**
 * One text for all columns, since that is fast. Columns that are signed by name are appended as one object of those that are
 * set, so that a new column leaves the MACs of stored rows valid.
 */
function serialize(credential: Credential, exclusiveName: string | null): string {
  const valueOf = ({ property, write }: (typeof byPlace)[number]): unknown => {
    const value = property === 'exclusiveName' ? exclusiveName : credential[property];
    return write ? write(value) : value;
  };
  const fields = byPlace.map(valueOf);
  if (byName.length === 0) return JSON.stringify(fields);
  const named = byName.map((column) => [column.property, valueOf(column)]).filter(([, value]) => value !== null);
  return JSON.stringify(named.length === 0 ? fields : [...fields, Object.fromEntries(named)]);
}

/** What the database keeps of a text: a surrogate without its other half is no character in UTF-8. */
function storable(text: unknown): string | null {
  if (typeof text === 'string') return text.toWellFormed();
  if (text === null || text === undefined) return null;
  throw new TypeError('a text is of another type');
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError('a list is of another type');
}

/** The database keeps them in another order. */
function sortedEntries(labels: unknown): unknown {
  if (typeof labels !== 'object' || labels === null) throw new TypeError('labels are of another type');
  return Object.entries(labels)
    .map((label) => label.map(storable))
    .toSorted(([one = ''], [other = '']) => (String(one) < String(other) ? -1 : 1));
}

/** As text, since JSON writes an invalid time as null; the database can hold such times, like `infinity`. */
function instant(time: unknown): string | null {
  return time === null ? null : String(Number(time));
}
