import type { AuditEvent } from './audit-event.ts';
import type { Reference } from './ids.ts';
import type { ProofEnding, User } from './ports.ts';

/** A new password, and what ends by it. */
export interface PasswordChange {
  /** As he is to be, with the new hash. */
  readonly user: User;
  /** What his hash was when the present password was compared. */
  readonly formerHash: string;
  /** Stays, of all his sessions. */
  readonly keepSession: string | null;
  readonly event: AuditEvent;
  /** Makes the events of the sessions that end. */
  readonly eventOf: (ending: ProofEnding) => AuditEvent;
}

/** What came of deactivating a user: it is durable as it is told here, or why nothing was changed. */
export type Deactivation =
  | { readonly kind: 'done'; readonly user: User }
  | { readonly kind: 'absent' }
  | {
      /** No other owner would have been left. */
      readonly kind: 'last_owner';
    };

/** Keeps the users whom owners make. Rows whose MAC is wrong are treated as absent, and reported to the log. */
export interface AccountStore {
  /**
   * Adds a user who logs in by his name, and is not the one whom a login without a name means.
   *
   * @throws VaultError `name_taken` where another user who has a password has the name
   */
  createUser(user: User, event: AuditEvent): Promise<void>;
  findUser(reference: Reference, signal: AbortSignal): Promise<User | undefined>;
  /** Of those who have a password and were not deactivated; their names are unique. */
  findUserByName(name: string, signal: AbortSignal): Promise<User | undefined>;
  /** In the order of ids. A page is full unless it is the last one. */
  listUsers(request: {
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly User[]>;
  /** Ends his sessions and personal keys in the same transaction. Doing it once more keeps the first time. */
  deactivateUser(deactivation: {
    readonly userId: string;
    readonly deactivatedAt: Date;
    readonly event: AuditEvent;
    /** Makes the events of what ends by that. */
    readonly eventOf: (ending: ProofEnding) => AuditEvent;
  }): Promise<Deactivation>;
  /** Answers false where the user has another password by now, or was deactivated. */
  changePassword(change: PasswordChange): Promise<boolean>;
}
