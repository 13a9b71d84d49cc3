import type { RequestClaim } from '../../vault/requests/ports.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import type { Fragment } from '../postgres/statements/statement.ts';
import {
  claimIds,
  claimKeyOf,
  keepAnswers,
  releaseIds,
  type OpenRecord,
  type RequestRecords,
  type SignedRecord,
} from './request-records.ts';

/** A request id that a transaction has claimed, for one request. */
interface ClaimedId {
  readonly record: OpenRecord;
  /** That of the request; another one under the same id has no part in the claim. */
  readonly digest: Uint8Array;
}

/** The request ids that one transaction has claimed. */
export type ClaimedIds = ReadonlyMap<string, ClaimedId>;

/** Claims the ids of the requests of one transaction, before anything else of them is read. */
export async function claimRequests(
  transaction: Transaction,
  records: RequestRecords,
  claims: readonly RequestClaim[],
): Promise<ClaimedIds> {
  const wanted = new Map<string, ClaimedId>();
  for (const claim of claims) {
    const key = claimKeyOf(claim);
    // The first request of an id is decided first, and its hash is stored.
    if (!wanted.has(key)) wanted.set(key, { record: records.open(claim), digest: claim.digest });
  }
  const free = await claimIds(
    transaction,
    Array.from(wanted.values(), ({ record }) => record),
  );
  const freeKeys = new Set(free.map(claimKeyOf));
  return new Map([...wanted].filter(([key]) => freeKeys.has(key)));
}

/** The answers of one transaction to requests with an id. */
export class KeptRequests {
  readonly #records: RequestRecords;
  readonly #claimed: ClaimedIds;
  readonly #answers = new Map<string, Uint8Array>();

  constructor(records: RequestRecords, claimed: ClaimedIds) {
    this.#records = records;
    this.#claimed = claimed;
  }

  /** Whether the request may be decided: its id is claimed for it, and no request before it in the transaction has an answer. */
  isFree(claim: RequestClaim): boolean {
    const key = claimKeyOf(claim);
    const claimed = this.#claimed.get(key);
    return claimed !== undefined && Buffer.compare(claimed.digest, claim.digest) === 0 && !this.#answers.has(key);
  }

  keep(claim: RequestClaim, answer: Uint8Array): void {
    this.#answers.set(claimKeyOf(claim), answer);
  }

  /** The statements that store the answers, and that release the ids of refused requests. */
  writes(): Fragment[] {
    const answered: SignedRecord[] = [];
    const released: OpenRecord[] = [];
    for (const [key, { record }] of this.#claimed) {
      const answer = this.#answers.get(key);
      if (answer) answered.push(this.#records.sign({ ...record, answer }));
      else released.push(record);
    }
    return [
      ...(answered.length > 0 ? [keepAnswers(answered)] : []),
      ...(released.length > 0 ? [releaseIds(released)] : []),
    ];
  }
}
