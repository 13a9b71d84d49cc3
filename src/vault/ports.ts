import type { AuditEvent } from './audit-event.ts';

export type * from './ports/access.ts';
export type * from './ports/credentials.ts';
export type * from './ports/grant-notices.ts';
export type * from './ports/keys.ts';
export type * from './ports/users.ts';

/** Tells the time. */
export interface Clock {
  now(): Date;
}

/** Makes UUIDv7 ids, in rising order within a process. */
export interface IdSource {
  next(): string;
}

/** Writes an event that stands alone: a login that failed, a call that was denied. */
export interface AuditStore {
  append(event: AuditEvent): Promise<void>;
}
