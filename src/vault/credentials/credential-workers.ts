import { DueTask, type WorkerTask } from '../worker-task.ts';
import { decideDueNotice, decideDuePurge, type WorkerParts } from './deletion-decisions.ts';
import type { CredentialPurgeStore, ExpiryNoticeStore, VersionPruneStore } from './due-ports.ts';
import { PruneTask } from './version-pruning.ts';

export interface CredentialWorkerParts extends WorkerParts {
  readonly purges: Pick<CredentialPurgeStore, 'purgeDue'>;
  readonly notices: ExpiryNoticeStore;
  readonly prunes: VersionPruneStore;
}

/** How late a purge or a notice may be; looking for due rows costs one query. */
const everyMs = 5_000;

/**
 * The tasks of credentials: purging those whose time has come, recording in the trail that others expire, and pruning versions by
 * their age.
 */
export function credentialTasks({ purges, notices, prunes, ...parts }: CredentialWorkerParts): readonly WorkerTask[] {
  const now = () => parts.clock.now();
  return [
    new DueTask({
      name: 'purging deleted credentials',
      everyMs,
      change: (after) => purges.purgeDue({ now: now(), after }, (found) => decideDuePurge(parts, found)),
    }),
    new DueTask({
      name: 'giving notices of expiry',
      everyMs,
      change: (after) => notices.noticeDue({ now: now(), after }, (found) => decideDueNotice(parts, found)),
    }),
    ...pruneTasks({ ...parts, prunes }),
  ];
}

/** None where the age of versions is not limited. */
function pruneTasks(parts: Omit<CredentialWorkerParts, 'purges' | 'notices'>): readonly WorkerTask[] {
  const { versionDaysMax } = parts.lifecycle;
  return versionDaysMax === null ? [] : [new PruneTask({ ...parts, everyMs, versionDaysMax })];
}
