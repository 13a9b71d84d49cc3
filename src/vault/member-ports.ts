import type { AuditEvent } from './audit-event.ts';
import type { Reference } from './ids.ts';
import type { Membership, User } from './ports.ts';

/** A membership with the name of its user. */
export interface Member extends Membership {
  readonly name: string;
}

/** What came of a change of a membership: it is durable as it is told here, or why nothing was changed. */
export type MemberChange =
  | {
      readonly kind: 'done';
      /** As it was set, or as it was until it was removed. */
      readonly membership: Membership;
    }
  | { readonly kind: 'absent' }
  | {
      /** Nobody else among the members would have been ADMIN. */
      readonly kind: 'last_admin';
    };

/** Keeps who the members of workspaces are. Rows whose MAC is wrong are treated as absent, and reported to the log. */
export interface MemberStore {
  findUser(reference: Reference, signal: AbortSignal): Promise<User | undefined>;
  /** Finds a member of a workspace by the id of his user. */
  findMember(request: {
    readonly workspaceId: string;
    readonly reference: Reference;
    readonly signal: AbortSignal;
  }): Promise<Member | undefined>;
  /** Adds a membership, or puts it in the place of the one that the user has. Free of races with other changes. */
  setMember(membership: Membership, event: AuditEvent): Promise<MemberChange>;
  removeMember(removal: {
    readonly workspaceId: string;
    readonly userId: string;
    readonly event: AuditEvent;
  }): Promise<MemberChange>;
  /** In the order of the users' ids. A page is full unless it is the last one. */
  listMembers(request: {
    readonly workspaceId: string;
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly Member[]>;
}
