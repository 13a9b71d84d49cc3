import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  KeyRotation_State,
  WorkspaceKey_State,
  type KeyRotationSchema,
  type WorkspaceKeySchema,
} from '../../../gen/coffer/v1/key_service_pb.ts';
import { invalidArgument } from '../../vault/errors.ts';
import { parseId } from '../../vault/ids.ts';
import { keyIdText } from '../../vault/workspaces/key-rotation.ts';
import type { KeyStatus } from '../../vault/workspaces/key-status.ts';
import type { ListedKey, RotationProgress, WorkspaceKeyRecord } from '../../vault/workspaces/rotation-ports.ts';

export function workspaceKeyToMessage(key: WorkspaceKeyRecord): MessageInitShape<typeof WorkspaceKeySchema> {
  return {
    workspaceId: key.workspaceId,
    keyId: keyIdText(key.keyId),
    state: WorkspaceKey_State[key.state],
    createdAt: timestampFromDate(key.createdAt),
    ...(key.versionCount !== undefined && { versionCount: key.versionCount }),
  };
}

/** The state of the keys, but for the keys of workspaces, which are paged. */
export function keyStatusToMessage({ masterKey: { fingerprint, rotatedAt, source }, rotation }: KeyStatus, now: Date) {
  return {
    sealed: false,
    masterKey: { fingerprint, source, ...(rotatedAt && { rotatedAt: timestampFromDate(rotatedAt) }) },
    ...(rotation && { rotation: rotationToMessage(rotation, now) }),
  };
}

function rotationToMessage(rotation: RotationProgress, now: Date): MessageInitShape<typeof KeyRotationSchema> {
  const { done, startedAt, state, total, unreadable, versionsPerSecond } = rotation;
  const end = estimatedEnd(rotation, now);
  return {
    state: KeyRotation_State[state],
    done,
    ...(total !== null && { total }),
    versionsPerSecond,
    startedAt: timestampFromDate(startedAt),
    ...(end && { estimatedEnd: timestampFromDate(end) }),
    unreadable,
  };
}

function estimatedEnd({ done, state, total, versionsPerSecond }: RotationProgress, now: Date): Date | undefined {
  if (state !== 'RUNNING' || total === null || versionsPerSecond <= 0) return undefined;
  return new Date(now.getTime() + (1_000 * Math.max(0, total - done)) / versionsPerSecond);
}

const pageTokenForm = /^keys:([0-9a-f-]{36}):(\d{1,15}):([0-9a-f]{2,64})$/;

export function formatKeyPageToken({ createdAt, keyId, workspaceId }: ListedKey): string {
  return Buffer.from(`keys:${workspaceId}:${createdAt.getTime()}:${keyIdText(keyId)}`).toString('base64url');
}

/** @throws VaultError `invalid_argument` for a token that this list did not issue */
export function parseKeyPageToken(token: string): ListedKey | undefined {
  if (token === '') return undefined;
  const [, id = '', createdMs = '', keyId = ''] = pageTokenForm.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  const workspaceId = parseId(id);
  const position = { createdAt: new Date(Number(createdMs)), keyId: Buffer.from(keyId, 'hex') };
  if (workspaceId === undefined || formatKeyPageToken({ workspaceId, ...position }) !== token) {
    throw invalidArgument('page_token', 'is not one of this list');
  }
  return { workspaceId, ...position };
}
