/** The first half of the keys of Coffer's advisory locks in its own database: "cofr" in ASCII. */
const ours = 0x636f6672;

/** What is done by one process at a time: the two integers that PostgreSQL's advisory locks take. */
export const advisoryLocks = {
  /** Migrating, and making the first keys. */
  migration: [ours, 1],
  /** Deciding who is the first to have something: the first owner, the first password. */
  firstUser: [ours, 2],
  /** Changing who is a member of a workspace: the last ADMIN is counted. */
  members: [ours, 3],
  /** Adding a line to the ledger of the audit trail. */
  ledger: [ours, 4],
  /** Deleting what is left of deleted workspaces. */
  purge: [ours, 5],
} as const;
