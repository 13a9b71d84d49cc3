import { randomBytes, timingSafeEqual } from 'node:crypto';
import { VaultError } from '../../vault/errors.ts';
import type { GrantMac } from '../../vault/identity/ports.ts';
import { keptForMs, type KeptAnswer, type RequestClaim } from '../../vault/requests/ports.ts';
import { instant } from '../identity/grant-guard.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { updateItems, type Fragment, type Statement, type WrittenColumn } from '../postgres/statements/statement.ts';

/*
 * Hand-written: the query builder has neither the conflict clause nor arrays of rows, and the claims of a group are one statement
 * (docs/decisions/0041-request-ids.md).
 */

/** A record before its answer is known. */
export interface OpenRecord {
  readonly workspaceId: string;
  readonly key: Uint8Array;
  /** 16 random bytes, so that equal requests have different hashes. */
  readonly salt: Uint8Array;
  readonly requestHash: Uint8Array;
  readonly createdAt: Date;
}

/** A record with the answer that is to be stored. */
export interface AnsweredRecord extends OpenRecord {
  readonly answer: Uint8Array;
}

/** A record that is ready to be stored. */
export type SignedRecord = AnsweredRecord & { readonly mac: Uint8Array };

/** A record as it is read. */
export interface StoredRecord extends OpenRecord {
  readonly answer: Uint8Array | null;
  readonly mac: Uint8Array | null;
}

/** Identifies a request id among those of all workspaces. */
export function claimKeyOf({ workspaceId, key }: Pick<OpenRecord, 'workspaceId' | 'key'>): string {
  return `${workspaceId}/${Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('base64')}`;
}

const saltBytes = 16;
/** Separates these MACs from those of other tables, and this format from later ones. */
const label = 'idempotency/1';

/** Hashes, signs and checks the records of request ids. */
export class RequestRecords {
  readonly #mac: GrantMac;

  constructor(mac: GrantMac) {
    this.#mac = mac;
  }

  /** The record of a request that is about to be decided. */
  open({ workspaceId, key, digest, claimedAt }: RequestClaim): OpenRecord {
    const salt = randomBytes(saltBytes);
    return { workspaceId, key, salt, requestHash: this.#hash(salt, digest), createdAt: claimedAt };
  }

  /** The record with its MAC. */
  sign(record: AnsweredRecord): SignedRecord {
    return { ...record, mac: this.#mac.compute(label, signedFields(record)) };
  }

  /**
   * Checks the record of a repeated request, and compares the two requests.
   *
   * @throws VaultError `secret_unreadable` if the record's MAC is wrong
   */
  read({ answer, mac, ...record }: StoredRecord, { digest }: RequestClaim): KeptAnswer {
    const isGenuine = answer && mac && this.#mac.verify(label, signedFields({ ...record, answer }), mac);
    if (!isGenuine) throw unreadable(record);
    return { isSame: timingSafeEqual(this.#hash(record.salt, digest), record.requestHash), answer };
  }

  #hash(salt: Uint8Array, digest: Uint8Array): Uint8Array {
    return this.#mac.compute('request hash', [salt, digest]);
  }
}

function signedFields({ workspaceId, key, salt, requestHash, answer, createdAt }: AnsweredRecord) {
  return [workspaceId, key, salt, requestHash, answer, instant(createdAt)];
}

function unreadable({ workspaceId, createdAt }: OpenRecord): VaultError {
  const cause = new Error(
    `the record of a request of ${instant(createdAt)} in ${workspaceId} was changed outside of Coffer`,
  );
  return new VaultError('secret_unreadable', 'the record of the first request cannot be read', {}, { cause });
}

/**
 * Claims request ids in the order of their keys, and returns those that are free: an expired record counts as absent. An id that
 * another transaction is claiming is not waited for, because the whole group would wait.
 */
export async function claimIds(
  transaction: Transaction,
  records: readonly OpenRecord[],
): Promise<readonly Pick<OpenRecord, 'workspaceId' | 'key'>[]> {
  return transaction.run(claimStatement(records.toSorted(byKey)));
}

function byKey(one: OpenRecord, other: OpenRecord): number {
  return Buffer.compare(one.key, other.key);
}

/** Claims ids that are free; see `claimIds`. */
export function claimStatement(records: readonly OpenRecord[]): Statement {
  return {
    name: 'claim request ids',
    text: `
      with wanted as materialized (
        select r.*, pg_try_advisory_xact_lock(r.lock) as is_free
        from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::timestamptz[], $6::bigint[])
          as r (workspace_id, key, salt, request_hash, created_at, lock)
      )
      insert into idempotency as i (workspace_id, key, salt, request_hash, created_at)
      select workspace_id, key, salt, request_hash, created_at from wanted where is_free
      on conflict (workspace_id, key) do update
        set salt = excluded.salt, request_hash = excluded.request_hash, created_at = excluded.created_at,
          answer = null, mac = null
        where i.created_at <= excluded.created_at - interval '24 hours'
      returning workspace_id as "workspaceId", key`,
    values: [
      records.map(({ workspaceId }) => workspaceId),
      records.map(({ key }) => key),
      records.map(({ salt }) => salt),
      records.map(({ requestHash }) => requestHash),
      records.map(({ createdAt }) => createdAt),
      records.map(({ key }) => lockOf(key)),
    ],
  };
}

/** The advisory lock of an id: two ids with one lock are unlikely, and then only wait for each other. */
function lockOf({ buffer, byteOffset }: Uint8Array): bigint {
  return new DataView(buffer, byteOffset).getBigInt64(0);
}

const answerColumns: readonly WrittenColumn<SignedRecord>[] = [
  { property: 'workspaceId', type: 'uuid', valueOf: ({ workspaceId }) => workspaceId },
  { property: 'key', type: 'bytea', valueOf: ({ key }) => key },
  { property: 'answer', type: 'bytea', valueOf: ({ answer }) => answer },
  { property: 'mac', type: 'bytea', valueOf: ({ mac }) => mac },
];

/** Adds the answers to the records of claimed ids. */
export function keepAnswers(records: readonly SignedRecord[]): Fragment {
  return updateItems('idempotency', answerColumns, { keys: ['workspaceId', 'key'], items: records });
}

/** Removes claims whose requests were refused. */
export function releaseIds(records: readonly OpenRecord[]): Fragment {
  return {
    name: '-claims',
    values: [records.map(({ workspaceId }) => workspaceId), records.map(({ key }) => key)],
    text: (first) => `
      delete from idempotency i using unnest($${first}::uuid[], $${first + 1}::bytea[]) as r (workspace_id, key)
      where i.workspace_id = r.workspace_id and i.key = r.key`,
  };
}

/** Finds the record of a request id that has not expired at the time of the claim. */
export function findRecord({ workspaceId, key, claimedAt }: RequestClaim): Statement {
  return {
    name: 'find request id',
    text: `
      select workspace_id as "workspaceId", key, salt, request_hash as "requestHash", answer, created_at as "createdAt", mac
      from idempotency where workspace_id = $1 and key = $2 and created_at > $3`,
    values: [workspaceId, key, new Date(claimedAt.getTime() - keptForMs)],
  };
}

/** The most records that are removed in one transaction. */
export const sweptMax = 200;

/** Removes records that had expired at a time, whichever workspace they are of; those that another process locks are left. */
export function sweepRecords(expiredAt: Date): Statement {
  return {
    name: 'sweep request ids',
    text: `
      with expired as (
        select workspace_id, key from idempotency where created_at < $1
        order by created_at limit $2 for update skip locked
      ), gone as (
        delete from idempotency i using expired e where i.workspace_id = e.workspace_id and i.key = e.key returning 1
      )
      select count(*)::int as count from gone`,
    values: [expiredAt, sweptMax],
  };
}
