import type { Logger } from 'pino';
import { AccessDenialRecorder } from '../vault/audit/access-denial-recorder.ts';
import { CredentialUsage } from '../vault/usage/credential-usage.ts';
import { usedKeysMax, UsageRecorder } from '../vault/usage/usage-recorder.ts';
import { credentialTasks } from '../vault/credentials/credential-workers.ts';
import type { Lifecycle } from '../vault/credentials/lifecycle.ts';
import { RequestSweep } from '../vault/requests/request-sweep.ts';
import { isVaultSealed } from '../vault/errors.ts';
import type { Clock } from '../vault/time.ts';
import { WorkspacePurge } from '../vault/workspaces/workspace-purge.ts';
import type { Instance } from './instance.ts';
import { logHeads } from './trail-watch.ts';
import { startWorkers } from './workers.ts';

const useFlushEveryMs = 1_000;
const denialFlushEveryMs = 60_000;

/** What the background work runs with. */
export interface BackgroundParts {
  readonly instance: Instance;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What calls record, to be written by the background work. */
export interface Recorders {
  readonly usage: CredentialUsage;
  readonly apiKeyUsage: UsageRecorder;
  readonly denials: AccessDenialRecorder;
}

/** Creates the recorders, which keep what they could not write. */
export function createRecorders({ clock, instance: { ids, stores } }: BackgroundParts): Recorders {
  return {
    usage: new CredentialUsage(stores.credentials, clock),
    apiKeyUsage: new UsageRecorder(stores.apiKeys, usedKeysMax),
    denials: new AccessDenialRecorder({ audit: stores.audit, clock, ids }),
  };
}

/** Starts what a server writes and removes apart from calls. The stack ends it, with a last write of what was recorded. */
export function startBackgroundWork(
  parts: BackgroundParts,
  { apiKeyUsage, denials, usage }: Recorders,
  stack: AsyncDisposableStack,
): void {
  const { instance, log } = parts;
  const retrying = (work: () => Promise<void>, problem: string) => () =>
    work().catch((error: unknown) => {
      if (!isVaultSealed(error)) log.warn({ err: error }, problem);
    });

  stack.use(logHeads(instance.stores.auditHead, log));
  stack.use(
    flushEvery(
      useFlushEveryMs,
      retrying(() => usage.flush(), 'uses could not be written yet'),
      retrying(() => usage.flushAll(), 'the last uses could not be written'),
    ),
  );
  stack.use(
    flushEvery(
      useFlushEveryMs,
      retrying(() => apiKeyUsage.flush(), 'uses of API keys could not be written yet'),
    ),
  );
  stack.use(
    flushEvery(
      denialFlushEveryMs,
      retrying(() => denials.flush(), 'refused calls could not be written yet'),
    ),
  );
  startTasks(parts, stack);
}

function startTasks({ clock, instance, lifecycle, log }: BackgroundParts, stack: AsyncDisposableStack): void {
  const { accessChangeListener, ciphers, ids, searchIndexes, stores } = instance;
  const { dueCredentials: purges, dueCredentials: notices, dueCredentials: prunes } = stores;
  const workspacePurge = new WorkspacePurge({ store: stores.purge, ciphers, clock });
  const requestSweep = new RequestSweep({ store: stores.requests, clock });
  const ofCredentials = credentialTasks({ purges, notices, prunes, lifecycle, clock, ids });
  const workers = startWorkers([workspacePurge, requestSweep, searchIndexes, ...ofCredentials], log);
  stack.use(workers);
  workers.wake(searchIndexes);
  stack.defer(() => workspacePurge.end().catch(() => undefined));
  stack.defer(
    accessChangeListener.subscribe(({ kind }) => {
      if (kind === 'workspace') workers.wake(workspacePurge);
    }),
  );
}

/** Runs `flush` periodically, and `flushLast` when it is disposed. */
function flushEvery(everyMs: number, flush: () => Promise<void>, flushLast = flush): AsyncDisposable {
  const timer = every(everyMs, flush);
  return {
    [Symbol.asyncDispose]: () => {
      timer[Symbol.dispose]();
      return flushLast();
    },
  };
}

function every(everyMs: number, work: () => Promise<void>): Disposable {
  const timer = setInterval(() => void work(), everyMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
