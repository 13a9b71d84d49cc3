import { randomBytes, createHmac } from 'node:crypto';
import { canonicalJson } from '../reading/json.ts';
import { isOpened, type OpenedEntry, type SourceEntry, type UnreadableState } from '../reading/source-entry.ts';

/** What is to become of an entry; only what is `opened` is stored. */
export type PlanState = UnreadableState | 'opened' | 'duplicate' | 'name taken';

/** An entry of a source, and what is to become of it. */
export interface PlannedEntry {
  readonly entry: SourceEntry;
  readonly state: PlanState;
  readonly reason?: string;
  /** The credential that has it already. */
  readonly credentialId?: string;
}

/** What a plan knows of the vault. */
export interface VaultContents {
  /** The credential that an earlier import made of an entry. */
  importedAs(entry: OpenedEntry): string | undefined;
  /** The credentials that have an entry's name, except those that earlier imports from the same source made. */
  namedAlike(entry: OpenedEntry): readonly NamesakeCredential[];
}

/** A credential that has the name of an entry. */
export interface NamesakeCredential {
  readonly id: string;
  /** Whether it has the entry's secret, too; false where the caller may not read it. */
  readonly hasEqualSecret: boolean;
}

/** How a source treats entries that look alike. */
export interface PlanRules {
  /** Whether two entries of the source may have one name. */
  readonly sharesNames: boolean;
  /** Whether entries are referred to by ids that are kept: then equal entries are not the same. */
  readonly keepsIds: boolean;
}

/**
 * Decides for each entry whether it is stored. A name that a credential of the vault has is taken, though the vault allows
 * equal names: the secret of a program that resolves it by name would become ambiguous.
 */
export function planImport(
  entries: readonly SourceEntry[],
  vault: VaultContents,
  rules: PlanRules,
): readonly PlannedEntry[] {
  const seen = { fingerprints: new Map<string, string>(), names: new Set<string>() };
  const key = randomBytes(32);
  return entries.map((entry) => {
    if (!isOpened(entry)) return { entry, ...entry.secret };
    const planned = planOpened(entry, vault);
    if (planned.state !== 'opened') return planned;
    const alike = findAlike(entry, fingerprintOf(entry, key), { seen, rules });
    seen.names.add(entry.name);
    return alike ?? planned;
  });
}

function planOpened(entry: OpenedEntry, vault: VaultContents): PlannedEntry {
  const importedAs = vault.importedAs(entry);
  if (importedAs !== undefined) {
    return { entry, state: 'duplicate', reason: 'it was imported before', credentialId: importedAs };
  }
  const namesakes = vault.namedAlike(entry);
  const equal = namesakes.find(({ hasEqualSecret }) => hasEqualSecret);
  if (equal) return { entry, state: 'duplicate', reason: 'the vault has it under this name', credentialId: equal.id };
  const [namesake] = namesakes;
  if (!namesake) return { entry, state: 'opened' };
  return { entry, state: 'name taken', reason: `credential ${namesake.id} has this name` };
}

interface Seen {
  /** The ids of entries in the source, by fingerprint. */
  readonly fingerprints: Map<string, string>;
  readonly names: Set<string>;
}

/** What an earlier entry of the same source makes of this one. */
function findAlike(
  entry: OpenedEntry,
  fingerprint: string,
  { seen, rules }: { readonly seen: Seen; readonly rules: PlanRules },
): PlannedEntry | undefined {
  const equal = seen.fingerprints.get(fingerprint);
  if (equal === undefined) seen.fingerprints.set(fingerprint, entry.originalId);
  if (equal !== undefined && !rules.keepsIds) return { entry, state: 'duplicate', reason: `it is equal to ${equal}` };
  if (rules.sharesNames || !seen.names.has(entry.name)) return undefined;
  return { entry, state: 'name taken', reason: 'another one of the source has this name' };
}

/** Equal for entries of equal name, provider and secret; under a key that is forgotten with the plan. */
function fingerprintOf({ name, provider, secret }: OpenedEntry, key: Uint8Array): string {
  return createHmac('sha256', key)
    .update(canonicalJson([name, provider, secret.fields]))
    .digest('base64');
}
