import type { Client } from 'pg';
import { combineShares, hashShare, isSameHash, parseShare, type KeyShare } from '../../encryption/key-shares.ts';
import { VaultError } from '../../vault/errors.ts';
import type { GivenShares } from '../../vault/workspaces/unsealing.ts';

/** The shares of the master key that were given to this process. They are wiped once the vault is open. */
export class ShareCollection {
  #shares: readonly KeyShare[] = [];

  /**
   * Adds a share; one that was given before counts once.
   *
   * @param session of the database, which has the hashes of the shares
   * @param fingerprint of the master key of the vault
   * @throws VaultError `invalid_argument` for a text that is no share, or not one of the last split of this master key
   */
  async add(text: string, session: Client, fingerprint: string): Promise<GivenShares> {
    const share = parseShare(text);
    if (!share) throw wrong('share is not a share as keys split prints it, or has a typing error');
    const threshold = await findThreshold(session, share, fingerprint);
    if (threshold === undefined) throw wrong('share is not one of the shares of the master key of this vault');
    // Those of an earlier split, or of an earlier master key.
    const kept = this.#shares.filter(
      (one) => isOfSameSplit(one, share) && !isSameHash(hashShare(one), hashShare(share)),
    );
    this.#shares = [...kept, share];
    const count = this.#shares.length;
    if (count < threshold) return { count, threshold, key: undefined };
    return { count, threshold, key: await combineShares(this.#shares) };
  }

  /** Wipes the shares. */
  clear(): void {
    for (const { bytes } of this.#shares) bytes.fill(0);
    this.#shares = [];
  }
}

/** Undefined for a share whose hash was not kept. */
async function findThreshold(session: Client, share: KeyShare, fingerprint: string): Promise<number | undefined> {
  if (share.fingerprint !== fingerprint || !(await hasShares(session))) return undefined;
  const { rows } = await session.query<{ threshold: number }>(
    'select threshold from key_share where hash = $1 and master_fingerprint = $2',
    [hashShare(share), fingerprint],
  );
  return rows[0]?.threshold === share.threshold ? share.threshold : undefined;
}

/** A database of an earlier release has no such table yet. */
async function hasShares(session: Client): Promise<boolean> {
  const { rows } = await session.query<{ found: boolean }>(`select to_regclass('key_share') is not null as found`);
  return rows[0]?.found === true;
}

function isOfSameSplit(one: KeyShare, other: KeyShare): boolean {
  return one.fingerprint === other.fingerprint && one.threshold === other.threshold;
}

function wrong(message: string): VaultError {
  return new VaultError('invalid_argument', message, { field: 'share' });
}
