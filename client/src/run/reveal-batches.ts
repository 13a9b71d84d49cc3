import { isRecord, recordsOf, textOf, type JsonRecord, type VaultCalls } from './vault-calls.ts';

/** What is revealed: a field of the credential of a name, or all fields of that of an id. */
export type BatchItem = { readonly name: string; readonly field: string } | { readonly credential_id: string };

/** What the server answers to an item, by the names of the proto. */
export type BatchResult = JsonRecord;

const itemsMax = 1_000;
/** What a response of 4 MiB had no room for: such an item was not revealed, and is requested again. */
const postponedReason = 'ANSWER_TOO_LARGE';

/**
 * Reveals items of a workspace in as few calls as possible: one for 1,000 items and 4 MiB.
 *
 * @param purpose why, for the audit trail
 * @returns the result of each item, in their order
 * @throws CofferError where a call fails
 */
export async function revealBatches(
  vault: VaultCalls,
  workspace: string,
  items: readonly BatchItem[],
  purpose: string,
): Promise<readonly BatchResult[]> {
  const results = new Map<number, BatchResult>();
  for (let pending = [...items.keys()]; pending.length > 0;) {
    const batch = pending.slice(0, itemsMax);
    const requests = batch.flatMap((index) => items[index] ?? []);
    const response = await vault.call('SecretService/BatchRevealSecrets', {
      workspace_id: workspace,
      requests,
      purpose,
    });
    const answered = recordsOf(response['results']);
    for (const [position, index] of batch.entries()) {
      const result = answered[position];
      if (result && errorOf(result)?.reason !== postponedReason) results.set(index, result);
    }
    const postponed = batch.filter((index) => !results.has(index));
    if (postponed.length === batch.length) throw new Error('the server answers no item of a batch');
    pending = [...postponed, ...pending.slice(itemsMax)];
  }
  return items.map((_, index) => results.get(index) ?? {});
}

/** Why an item was not revealed. */
export function errorOf({ error }: BatchResult): { readonly code: string; readonly reason: string } | undefined {
  return isRecord(error) ? { code: textOf(error['code']), reason: textOf(error['reason']) } : undefined;
}
