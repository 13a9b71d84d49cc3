import { createHash } from 'node:crypto';

const valueCharactersMax = 63;

/** The label of the source that a credential was imported from. */
export const importedFromLabel = 'imported-from';

/** The label of a credential's id in the source. */
export const originalIdLabel = 'original-id';

/** An id as the value of a label: itself, or a hash where it is longer than a label may be. */
export function labelOfId(id: string): string {
  if (Array.from(id).length <= valueCharactersMax) return id;
  return `sha256:${createHash('sha256').update(id).digest('hex').slice(0, 56)}`;
}

/** Whether an id of a source can be the id of a credential. */
export function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id);
}
