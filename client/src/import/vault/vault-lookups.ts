import type { Coffer } from '../../coffer.ts';
import { CofferError, RateLimitedError, UnauthenticatedError, UnavailableError } from '../../errors/errors.ts';
import type { Credential } from '../../gen/coffer/v1/credential_pb.ts';
import { importedFromLabel, isUuid, labelOfId, originalIdLabel } from '../planning/labels.ts';
import type { NamesakeCredential, VaultContents } from '../planning/plan.ts';
import { canonicalJson, type JsonObject } from '../reading/json.ts';
import type { OpenedEntry } from '../reading/source-entry.ts';

const pageSize = 1000;
const batchSize = 1000;
/** The vault's limits of a filter, with room for its operators. */
const comparisonsMax = 30;
const filterCharactersMax = 1900;
const nameCharactersMax = 255;
/** How many credentials of one name are compared. */
const namesakesMax = 10;

/** Where a plan looks. */
export interface LookupScope {
  readonly coffer: Coffer;
  readonly workspaceId: string;
  /** The source's name. */
  readonly source: string;
  /** Whether the ids of the source are those of the credentials. */
  readonly keepsIds: boolean;
}

/** Finds what the vault has of the entries of a source. Secrets of credentials of the same name are revealed, to be compared. */
export async function lookUp(scope: LookupScope, entries: readonly OpenedEntry[]): Promise<VaultContents> {
  const kept = scope.keepsIds ? entries.filter(({ originalId }) => isUuid(originalId)) : [];
  const imported = new Map([...(await findByLabel(scope)), ...(await findById(scope, kept))]);
  const originals = new Set(imported.values());
  const pending = entries.filter((entry) => !imported.has(labelOfId(entry.originalId)));
  const named = await findByName(scope, new Set(pending.map(({ name }) => name)));
  const namesakes = new Map<OpenedEntry, readonly NamesakeCredential[]>();
  for (const entry of pending) {
    const found = (named.get(entry.name) ?? []).filter(({ id, labels }) => {
      return !originals.has(id) && labels[importedFromLabel] !== scope.source;
    });
    namesakes.set(entry, await compareSecrets(scope, found, entry));
  }
  return {
    importedAs: ({ originalId }) => imported.get(labelOfId(originalId)),
    namedAlike: (entry) => namesakes.get(entry) ?? [],
  };
}

/** The credentials that an import has labelled, by the id in the source. */
async function findByLabel({ coffer, workspaceId, source }: LookupScope): Promise<ReadonlyMap<string, string>> {
  const filter = `labels.${importedFromLabel} = ${quote(source)}`;
  const found = await listAll(coffer, workspaceId, filter);
  return new Map(
    found.flatMap(({ id, labels }) => {
      const original = labels[originalIdLabel];
      return original === undefined ? [] : [[original, id] as const];
    }),
  );
}

/** The entries whose ids are credentials. */
async function findById(
  { coffer, workspaceId }: LookupScope,
  entries: readonly OpenedEntry[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (let start = 0; start < entries.length; start += batchSize) {
    const ids = entries.slice(start, start + batchSize).map(({ originalId }) => originalId);
    const { results } = await coffer.credentials.batchGetCredentials({ workspaceId, credentialIds: ids });
    for (const [index, { credential }] of results.entries()) {
      if (credential) found.set(labelOfId(ids[index] ?? ''), credential.id);
    }
  }
  return found;
}

async function findByName(
  { coffer, workspaceId }: LookupScope,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly Credential[]>> {
  const found: Credential[] = [];
  for (const filter of filtersOf([...names].filter(canBeName)))
    found.push(...(await listAll(coffer, workspaceId, filter)));
  return Map.groupBy(found, ({ name = '' }) => name);
}

/** Whether a credential can have a name; the vault refuses filters with longer texts. */
function canBeName(name: string): boolean {
  return name !== '' && Array.from(name).length <= nameCharactersMax;
}

/** Filters that select all names, each within the vault's limits. */
function filtersOf(names: readonly string[]): readonly string[] {
  const filters: string[][] = [];
  let characters = 0;
  for (const comparison of names.map((name) => `name = ${quote(name)}`)) {
    const current = filters.at(-1);
    characters += comparison.length + ' OR '.length;
    if (current && current.length < comparisonsMax && characters <= filterCharactersMax) current.push(comparison);
    else {
      filters.push([comparison]);
      characters = comparison.length;
    }
  }
  return filters.map((comparisons) => comparisons.join(' OR '));
}

async function listAll(coffer: Coffer, workspaceId: string, filter: string): Promise<readonly Credential[]> {
  const found: Credential[] = [];
  let pageToken = '';
  do {
    const page = await coffer.credentials.listCredentials({ workspaceId, filter, pageSize, pageToken });
    found.push(...page.credentials);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return found;
}

async function compareSecrets(
  { coffer, workspaceId }: LookupScope,
  namesakes: readonly Credential[],
  { secret }: OpenedEntry,
): Promise<readonly NamesakeCredential[]> {
  const expected = canonicalJson(secret.fields);
  const compared = namesakes.slice(0, namesakesMax).map(async ({ id }) => {
    const stored = await revealIfAllowed(coffer, workspaceId, id);
    return { id, hasEqualSecret: stored !== undefined && canonicalJson(stored) === expected };
  });
  return Promise.all(compared);
}

/** The secret of a credential; undefined where the caller may not have it, or it is inactive. */
async function revealIfAllowed(
  coffer: Coffer,
  workspaceId: string,
  credentialId: string,
): Promise<JsonObject | undefined> {
  try {
    const purpose = 'compare with a secret to import';
    return (await coffer.secrets.revealSecret({ workspaceId, credentialId, purpose })).secret;
  } catch (error) {
    const isPassing = [UnavailableError, UnauthenticatedError, RateLimitedError].some((kind) => error instanceof kind);
    if (isPassing || !(error instanceof CofferError)) throw error;
    return undefined;
  }
}

/** A text of a filter. */
function quote(text: string): string {
  return `"${text.replaceAll(/["\\*]/g, String.raw`\$&`)}"`;
}
