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
    const accepted = await findAccepted(session, fingerprint);
    const isAccepted = (one: KeyShare): boolean =>
      accepted.some(({ hash, threshold }) => threshold === one.threshold && isSameHash(hash, hashShare(one)));
    if (share.fingerprint !== fingerprint || !isAccepted(share)) {
      throw wrong('share is not one of the shares of the master key of this vault');
    }
    const { threshold } = share;
    const isOther = (one: KeyShare): boolean => !isSameHash(hashShare(one), hashShare(share));
    // Those of an earlier split are not accepted any more.
    this.#shares = [...this.#shares.filter((one) => isAccepted(one) && isOther(one)), share];
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

interface AcceptedShare {
  readonly hash: Uint8Array;
  readonly threshold: number;
}

async function findAccepted(session: Client, fingerprint: string): Promise<readonly AcceptedShare[]> {
  if (!(await hasShares(session))) return [];
  const { rows } = await session.query<AcceptedShare>(
    'select hash, threshold from key_share where master_fingerprint = $1',
    [fingerprint],
  );
  return rows;
}

/** A database of an earlier release has no such table yet. */
async function hasShares(session: Client): Promise<boolean> {
  const { rows } = await session.query<{ found: boolean }>(`select to_regclass('key_share') is not null as found`);
  return rows[0]?.found === true;
}

function wrong(message: string): VaultError {
  return new VaultError('invalid_argument', message, { field: 'share' });
}
