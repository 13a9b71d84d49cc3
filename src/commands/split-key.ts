import { timingSafeEqual } from 'node:crypto';
import type { Config } from '../config/config.ts';
import { combineShares, formatShare, hashShare, splitKey, type KeyShare } from '../encryption/key-shares.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { systemEvent } from '../vault/audit/audit-event.ts';
import { openVault, type OpenVault } from './open-vault.ts';
import { parseOptions } from './options.ts';
import { UsageError } from './usage.ts';

const sharesMax = 255;

/**
 * Splits the master key into shares, and prints one a line. Their hashes are kept in the database first, so that none is printed
 * that Unseal would refuse; those of earlier shares are dropped. A server may be running.
 *
 * @returns the exit code
 * @throws UsageError; what `openVault` throws
 */
export async function splitMasterKey(
  loadConfig: () => Promise<Config>,
  parameters: readonly string[],
  stopping: StopRequests,
): Promise<number> {
  const types = { shares: { type: 'string' }, threshold: { type: 'string' } } as const;
  const options = parseOptions(parameters, types);
  const shares = countOf('shares', options.shares);
  const threshold = countOf('threshold', options.threshold);
  if (threshold > shares) throw new UsageError('--threshold must not be greater than --shares');
  await using stack = new AsyncDisposableStack();
  const vault = await openVault(await loadConfig(), stack, stopping);
  const split = await splitKeyOf(vault, { shares, threshold });
  for (const share of split) process.stdout.write(`${formatShare(share)}\n`);
  const { instanceId, masterFingerprint } = vault.instance.keyring;
  process.stderr.write(
    `coffer: any ${threshold} of these shares give the master key ${masterFingerprint} of instance ${instanceId}; ` +
      'earlier shares are not accepted any more\n',
  );
  return 0;
}

function countOf(name: string, text: string | undefined): number {
  const count = /^\d{1,3}$/.test(text ?? '') ? Number(text) : 0;
  if (count >= 2 && count <= sharesMax) return count;
  throw new UsageError(`--${name} takes a whole number from 2 to ${sharesMax}`);
}

async function splitKeyOf(
  { clock, instance: { ids, keyring, stores } }: OpenVault,
  counts: { readonly shares: number; readonly threshold: number },
): Promise<readonly KeyShare[]> {
  const { masterFingerprint } = keyring;
  const key = keyring.copyMaster();
  try {
    const split = await splitKey(key, masterFingerprint, counts);
    await requireWhole(split.slice(-counts.threshold), key);
    const hashes = split.map(hashShare);
    const action = { action: 'keys.split', resourceKind: 'master_key', resourceId: null } as const;
    const purpose = `${counts.threshold} of ${counts.shares} shares`;
    const event = systemEvent({ clock, ids }, { ...action, purpose });
    await stores.seal.replaceShares({ masterFingerprint, threshold: counts.threshold, hashes }, event);
    return split;
  } finally {
    key.fill(0);
  }
}

/** Shares that do not give the key would be noticed only when it is lost. */
async function requireWhole(shares: readonly KeyShare[], key: Uint8Array): Promise<void> {
  const combined = await combineShares(shares);
  if (!timingSafeEqual(combined, key)) throw new Error('the shares do not give the key');
  combined.fill(0);
}
