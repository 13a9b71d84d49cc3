import { DueTask, type WorkerTask } from '../worker-task.ts';
import { decideDueNotice, decideDuePurge, type WorkerParts } from './deletion-decisions.ts';
import type { CredentialPurgeStore, ExpiryNoticeStore } from './ports.ts';

export interface CredentialWorkerParts extends WorkerParts {
  readonly purges: Pick<CredentialPurgeStore, 'purgeDue'>;
  readonly notices: ExpiryNoticeStore;
}

/** How late a purge or a notice may be; looking for due rows costs one query. */
const everyMs = 5_000;

/** The tasks of credentials: purging those whose time has come, and recording in the trail that others expire. */
export function credentialTasks({ purges, notices, ...parts }: CredentialWorkerParts): readonly WorkerTask[] {
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
  ];
}
