import { excludeMemoryFromCoreDumps } from './core-dumps.ts';
import { formatReference } from './reference.ts';
import { revealReferences } from './reveal-references.ts';
import { fillTemplate, parseTemplate, referencesOf } from './template.ts';
import type { VaultCalls } from './vault-calls.ts';

/** The most bytes of a template. */
export const templateBytesMax = 16 * 1024 * 1024;
/** Why the secrets are revealed, in the audit trail. */
const purpose = 'coffer inject';

/**
 * Replaces the references of a template by their secrets, which are fetched in one call for each workspace.
 *
 * @param source at most `templateBytesMax`, in any encoding that extends ASCII; secrets are inserted as UTF-8, without quoting
 * @param connect makes the client, where there is something to fetch
 * @throws StartRefusal for an invalid reference, and where a secret is missing; nothing is returned then
 * @throws CofferError where a call fails
 */
export async function injectTemplate(source: Buffer, connect: () => Promise<VaultCalls>): Promise<Buffer> {
  const template = parseTemplate(source);
  const references = referencesOf(template);
  if (references.length === 0) return source;
  excludeMemoryFromCoreDumps();
  const revealed = await revealReferences(await connect(), references, purpose);
  return fillTemplate(template, (reference) => {
    const field = revealed.get(formatReference(reference));
    if (!field) throw new Error('a reference was not revealed');
    return field.value;
  });
}
