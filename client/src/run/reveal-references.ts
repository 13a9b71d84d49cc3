import { formatReference, type Reference } from './reference.ts';
import { errorOf, revealBatches, type BatchResult } from './reveal-batches.ts';
import { refuseFailures } from './reveal-failures.ts';
import { textOf, type Json, type VaultCalls } from './vault-calls.ts';

/** A field that was revealed. */
export interface RevealedField {
  readonly credentialId: string;
  /** The text, or the JSON of a field that is not a text. */
  readonly value: string;
}

/** The revealed fields by their references in the canonical form. */
export type RevealedFields = ReadonlyMap<string, RevealedField>;

type Attempt = readonly [reference: string, BatchResult];

/**
 * Reveals the fields of references, with one call for each workspace.
 *
 * @param purpose why, for the audit trail
 * @throws StartRefusal that names all references that cannot be revealed
 * @throws CofferError where a call fails
 */
export async function revealReferences(
  vault: VaultCalls,
  references: Iterable<Reference>,
  purpose: string,
): Promise<RevealedFields> {
  const unique = new Map([...references].map((reference) => [formatReference(reference), reference]));
  const workspaces = Map.groupBy(unique.values(), ({ workspace }) => workspace);
  const attempts = await Promise.all(
    [...workspaces].map(([workspace, wanted]) => revealInWorkspace(vault, workspace, wanted, purpose)),
  );
  const results = attempts.flat();
  refuseFailures(results.map(([subject, result]) => ({ subject, error: errorOf(result) })));
  return new Map(results.map(([reference, result]) => [reference, fieldOf(result)]));
}

async function revealInWorkspace(
  vault: VaultCalls,
  workspace: string,
  wanted: readonly Reference[],
  purpose: string,
): Promise<readonly Attempt[]> {
  const items = wanted.map(({ credential: name, field }) => ({ name, field }));
  const results = await revealBatches(vault, workspace, items, purpose);
  return wanted.flatMap((reference, index) => {
    const result = results[index];
    return result ? [[formatReference(reference), result] as const] : [];
  });
}

function fieldOf({ credential_id: id, value }: BatchResult): RevealedField {
  if (value === undefined) throw new Error('the server left out a value');
  return { credentialId: textOf(id), value: textOfField(value) };
}

/** A text as it is; anything else as JSON. */
export function textOfField(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
