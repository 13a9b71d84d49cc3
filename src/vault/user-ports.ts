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

/** Keeps the users whom owners make. Rows whose MAC is wrong are treated as absent, and reported to the log. */
export interface AccountStore {
  /**
   * Adds a user who logs in by his name, and is not the one whom a login without a name means.
   *
   * @throws VaultError `name_taken` where another user who has a password has the name
   */
  createUser(user: User, event: AuditEvent): Promise<void>;
  findUser(reference: Reference, signal: AbortSignal): Promise<User | undefined>;
  /** Of those who have a password; their names are unique. */
  findUserByName(name: string, signal: AbortSignal): Promise<User | undefined>;
  /** In the order of ids. A page is full unless it is the last one. */
  listUsers(request: {
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly User[]>;
  /** Answers false where the user has another password by now. */
  changePassword(change: PasswordChange): Promise<boolean>;
}
