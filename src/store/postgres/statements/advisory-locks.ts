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
} as const;
