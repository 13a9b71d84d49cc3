import type { Statement } from './statement.ts';

/** The first key of all advisory locks of Coffer: "cofr" in ASCII. */
const ours = 0x636f6672;

/** The keys of the advisory locks for work that one process does at a time. */
export const advisoryLocks = {
  /** Migrating, and creating the first keys. */
  migration: [ours, 1],
  /** Creating the first owner, or setting the first password. */
  firstUser: [ours, 2],
  /** Changing the members of a workspace, where the last ADMIN must remain. */
  members: [ours, 3],
  /** Appending to the ledger of the audit trail. */
  ledger: [ours, 4],
  /** Purging deleted workspaces. */
  purge: [ours, 5],
  /** Building the indexes of searches; held by the session. */
  searchIndexes: [ours, 6],
  /** Rotating the master key. */
  masterRotation: [ours, 7],
  /** Searching for a leaked value. */
  leak: [ours, 8],
} as const;

/** Waits for a lock, which is held until the transaction ends. */
export function takeLock(lock: keyof typeof advisoryLocks): Statement {
  return { name: 'take lock', text: 'select pg_advisory_xact_lock($1, $2)', values: [...advisoryLocks[lock]] };
}

/** Takes a lock that is free, which is held until the transaction ends; answers `isFree` in any case. */
export function tryLock(lock: keyof typeof advisoryLocks): Statement {
  const text = 'select pg_try_advisory_xact_lock($1, $2) as "isFree"';
  return { name: 'try lock', text, values: [...advisoryLocks[lock]] };
}
