import assert from 'node:assert/strict';
import type { InferEntity } from '@mikro-orm/postgresql';
import { notFound, VaultError } from '../../vault/errors.ts';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { DuePlace } from '../../vault/worker-task.ts';
import type {
  KeyPlace,
  KeyRotationStart,
  KeyRotationStore,
  Reseal,
  ResealedBatch,
  RetiringKey,
  StartedRotation,
} from '../../vault/workspaces/rotation-ports.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import { findDue } from '../commits/due-rows.ts';
import { versionKeyConstraint } from '../commits/sealing-keys.ts';
import type { CommitResult } from '../commits/standalone-write.ts';
import type { CredentialGuard } from '../credentials/credential-guard.ts';
import { KeyRotationEntity, WorkspaceEntity, WorkspaceKeyEntity } from '../entities/workspace.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { workspaceKeyGrants } from '../identity/grant-tables.ts';
import { constraintOf } from '../postgres/connect/database-failure.ts';
import type { Database } from '../postgres/database.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { tryLock } from '../postgres/statements/advisory-locks.ts';
import {
  commitAsynchronously,
  countByKey,
  findSealedWith,
  writeResealed,
  type RetiringRow,
  type VersionPosition,
} from '../workspaces/rotation-statements.ts';
import { newWorkspaceKeyRow } from '../workspaces/workspace-rows.ts';
import { keysUnsound, masterKeyRotatedOr } from './key-store.ts';

/** The most versions and bytes of a batch: its rows are locked, and its bytes in memory, for some milliseconds. */
const batch = { versions: 100, bytes: 1_048_576 } as const;
/** How many retiring keys are found at a time. */
const retiringMax = 100;
/** The part of the last batch in the average rate. */
const rateWeight = 0.2;

type RotationRow = InferEntity<typeof KeyRotationEntity>;

/** The dependencies of the store. */
export interface KeyRotationStoreParts {
  readonly database: Database;
  readonly commits: CommitQueue;
  readonly guard: GrantGuard;
  readonly credentialGuard: CredentialGuard;
}

/** The rotation of workspaces' keys in PostgreSQL. */
export class SqlKeyRotationStore implements KeyRotationStore {
  readonly #parts: KeyRotationStoreParts;

  constructor(parts: KeyRotationStoreParts) {
    this.#parts = { ...parts, database: parts.database.forLongWork() };
  }

  async startRotation({ event, keeping, key }: KeyRotationStart): Promise<StartedRotation> {
    const { workspaceId } = key;
    const start = async (transaction: Transaction): Promise<CommitResult<StartedRotation>> => {
      await lockWorkspace(transaction, workspaceId);
      const [pending, present] = await Promise.all([
        transaction.find(KeyRotationEntity, { where: { workspaceId, endedAt: null }, limit: 1 }),
        this.#findKeys(transaction, workspaceId),
      ]);
      if (pending.length > 0) throw rotationUnderWay();
      // The newest is the current one, whatever the clocks of other processes are.
      const lastMs = Math.max(...present.map(({ createdAt }) => createdAt.getTime()));
      const createdAt = new Date(Math.max(key.createdAt.getTime(), lastMs + 1));
      const started = { startedAt: event.time, updatedAt: event.time, done: 0, unreadable: 0, versionsPerSecond: 0 };
      await Promise.all([
        transaction.insert(WorkspaceKeyEntity, newWorkspaceKeyRow(this.#parts.guard, { ...key, createdAt })),
        ...present.map(({ createdAt: keyCreatedAt, keyId }) =>
          transaction.insert(KeyRotationEntity, { workspaceId, keyId, keyCreatedAt, ...started }),
        ),
      ]);
      const record = { workspaceId, keyId: key.keyId, state: 'CURRENT', createdAt } as const;
      return { answer: { key: record, startedAt: event.time }, events: [event] };
    };
    const { commits } = this.#parts;
    return commits.run({ workspaces: [workspaceId] }, start, keeping).catch((error: unknown) => {
      throw masterKeyRotatedOr(error);
    });
  }

  async findRetiring(): Promise<readonly RetiringKey[]> {
    return this.#parts.database.find({}, KeyRotationEntity, {
      where: { endedAt: null },
      orderBy: { startedAt: 'asc', workspaceId: 'asc', keyId: 'asc' },
      limit: retiringMax,
    });
  }

  async resealSome(place: KeyPlace, now: Date, reseal: Reseal): Promise<ResealedBatch> {
    const { workspaceId, keyId } = place;
    return this.#parts.database.transact({ workspaces: [workspaceId] }, async (transaction) => {
      const [[lock], [rotation]] = await Promise.all([
        transaction.run<{ readonly isFree: boolean }>(tryLock('keyRotation')),
        transaction.find(KeyRotationEntity, { where: { workspaceId, keyId, endedAt: null } }),
        transaction.run(commitAsynchronously),
      ]);
      if (!lock?.isFree) return { isFree: false, count: 0, isPassEnded: false, unreadable: 0 };
      if (!rotation) return { isFree: true, count: 0, isPassEnded: true, unreadable: 0 };
      return this.#resealRows(transaction, rotation, now, reseal);
    });
  }

  async destroyKey({ keyId, workspaceId }: KeyPlace, event: AuditEvent): Promise<boolean> {
    const destroy = async (transaction: Transaction): Promise<CommitResult<boolean>> => {
      await lockWorkspace(transaction, workspaceId);
      const [[rotation], keys] = await Promise.all([
        transaction.find(KeyRotationEntity, { where: { workspaceId, keyId, endedAt: null }, lock: 'update' }),
        this.#findKeys(transaction, workspaceId),
      ]);
      const [current] = keys;
      if (!rotation || !current || isSame(current.keyId, keyId)) return { answer: false, events: [] };
      // The foreign key of versions refuses it as long as one refers to the key, also one that is being written.
      await transaction.delete(WorkspaceKeyEntity, { workspaceId, keyId });
      const ended = { endedAt: event.time, updatedAt: event.time, eventId: event.id, unreadable: 0 };
      await transaction.update(KeyRotationEntity, { workspaceId, keyId }, ended);
      return { answer: true, events: [event] };
    };
    return this.#parts.commits.run({ workspaces: [workspaceId] }, destroy).catch((error: unknown) => {
      if (constraintOf(error) === versionKeyConstraint) return false;
      throw error;
    });
  }

  async findAged(createdBefore: Date, after: DuePlace | undefined): Promise<readonly DuePlace[]> {
    return this.#parts.database.query<DuePlace>(findDue({ due: 'due_key_rotations', now: createdBefore, after }));
  }

  async #resealRows(
    transaction: Transaction,
    rotation: RotationRow,
    now: Date,
    reseal: Reseal,
  ): Promise<ResealedBatch> {
    const { workspaceId } = rotation;
    const total = rotation.total ?? (await countOf(transaction, rotation));
    const rows = await transaction.run<RetiringRow>(findSealedWith(rotation, positionOf(rotation), batch));
    const genuine = new Map(rows.filter((row) => this.#isGenuine(workspaceId, row)).map((row) => [nameOf(row), row]));
    const versions = [...genuine.values()].flatMap(({ credentialId, sealed, version }) =>
      sealed ? [{ credentialId, version, sealed }] : [],
    );
    const signed = (await reseal(versions)).map((resealed) => {
      const row = genuine.get(nameOf(resealed));
      assert(row, 'only what was read is sealed again');
      const { createdAt, createdBy } = row;
      const key = { workspaceId, id: resealed.credentialId };
      const mac = this.#parts.credentialGuard.signVersion(key, { ...resealed, createdAt, createdBy });
      return {
        credentialId: row.credentialId,
        version: row.version,
        sealed: resealed.sealed,
        keyId: resealed.keyId,
        mac,
      };
    });
    const [first] = signed;
    const [written] = first
      ? await transaction.run<{ readonly count: number }>(writeResealed(rotation, first.keyId, signed))
      : [];
    const count = written?.count ?? 0;
    const before = rotation.afterCredential ? rotation.unreadable : 0;
    const unreadable = before + rows.length - signed.length;
    const last = rows.at(-1);
    const isPassEnded = !last || (last.found < batch.versions && rows.length === last.found);
    await transaction.update(
      KeyRotationEntity,
      { workspaceId, keyId: rotation.keyId },
      {
        total,
        done: rotation.done + count,
        unreadable,
        updatedAt: now,
        versionsPerSecond: rateAfter(rotation, count, now),
        afterCredential: isPassEnded ? null : last.credentialId,
        afterVersion: isPassEnded ? null : last.version,
      },
    );
    return { isFree: true, count, isPassEnded, unreadable };
  }

  /** A new MAC would make a row valid that was changed outside of Coffer. */
  #isGenuine(workspaceId: string, { credentialId: id, ...version }: RetiringRow): boolean {
    return this.#parts.credentialGuard.isGenuineVersion({ workspaceId, id }, version, version.mac);
  }

  /** The newest first. @throws VaultError `secret_unreadable` if one fails its MAC */
  async #findKeys(transaction: Transaction, workspaceId: string) {
    const orderBy = { createdAt: 'desc', keyId: 'desc' } as const;
    const keys = await transaction.find(WorkspaceKeyEntity, { where: { workspaceId }, orderBy });
    const isSound = keys.every((row) => this.#parts.guard.isGenuine(workspaceKeyGrants, row));
    if (!isSound || keys.length === 0) throw keysUnsound();
    return keys;
  }
}

/** One rotation of a workspace begins or ends at a time, and none in a workspace that is being deleted. @throws VaultError `not_found` */
async function lockWorkspace(transaction: Transaction, id: string): Promise<void> {
  const rows = await transaction.find(WorkspaceEntity, { where: { id, deletedAt: null }, lock: 'no key update' });
  if (rows.length === 0) throw notFound('workspace', id);
}

async function countOf(transaction: Transaction, { keyId, workspaceId }: KeyPlace): Promise<number> {
  const counts = await transaction.run<{ readonly keyId: string; readonly count: number }>(countByKey(workspaceId));
  return counts.find((one) => one.keyId === Buffer.from(keyId).toString('hex'))?.count ?? 0;
}

function positionOf({ afterCredential, afterVersion }: RotationRow): VersionPosition | undefined {
  return afterCredential ? { credentialId: afterCredential, version: afterVersion ?? 0 } : undefined;
}

function rateAfter({ updatedAt, versionsPerSecond }: RotationRow, count: number, now: Date): number {
  const rate = (1_000 * count) / Math.max(1, now.getTime() - updatedAt.getTime());
  return versionsPerSecond === 0 ? rate : (1 - rateWeight) * versionsPerSecond + rateWeight * rate;
}

function nameOf({ credentialId, version }: VersionPosition): string {
  return `${credentialId}/${version}`;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function rotationUnderWay(): VaultError {
  const reason = 'ROTATION_UNDER_WAY';
  return new VaultError('request_in_progress', 'a rotation of the key of the workspace is under way', { reason });
}
