import type { Credential } from './credential.ts';

/** How long versions and deleted credentials are kept, and when expiry is announced: settings of the instance. */
export interface Lifecycle {
  /** How many of its newest versions a credential keeps. */
  readonly versionsMax: number;
  /** After how many days superseded versions are pruned; null if they are kept. */
  readonly versionDaysMax: number | null;
  /** How many days after its deletion a credential is purged. */
  readonly purgeDays: number;
  /** How many days before the expiry a notice is given, each once. */
  readonly expiryNoticeDays: readonly number[];
  /** For how many days after its last use a credential is deleted and deactivated only by force; 0 for none. */
  readonly usedWithinDays: number;
}

/** As the settings are where they are absent. */
export const defaultLifecycle: Lifecycle = {
  versionsMax: 100,
  versionDaysMax: null,
  purgeDays: 30,
  expiryNoticeDays: [30, 7, 1],
  usedWithinDays: 0,
};

/** A notice of expiry that is due: so many days before the expiry, or 0 at it. */
export interface ExpiryNotice {
  readonly days: number;
}

const dayMs = 86_400_000;
/** The last millisecond of the year 9999. */
const latestMs = Date.parse('9999-12-31T23:59:59.999Z');

/** When a credential that is deleted at a time is purged. */
export function purgeTimeOf(deletedAt: Date, { purgeDays }: Lifecycle): Date {
  return new Date(Math.min(deletedAt.getTime() + purgeDays * dayMs, latestMs));
}

/** Whether a credential was used so lately that only force deletes or deactivates it. */
export function isRecentlyUsed(
  { lastUsedAt }: Pick<Credential, 'lastUsedAt'>,
  now: Date,
  { usedWithinDays }: Lifecycle,
): boolean {
  return lastUsedAt !== null && now.getTime() - lastUsedAt.getTime() < usedWithinDays * dayMs;
}

/** When the next notice is due after a time; null if none is left, and for a credential that does not expire. */
export function nextNoticeTime(
  { expiresAt }: Pick<Credential, 'expiresAt'>,
  after: Date,
  lifecycle: Lifecycle,
): Date | null {
  if (expiresAt === null) return null;
  const times = noticesOf(expiresAt, lifecycle).map(({ timeMs }) => timeMs);
  const later = times.filter((timeMs) => timeMs > after.getTime());
  return later.length === 0 ? null : new Date(Math.min(...later));
}

/**
 * The nearest of the notices that are due since `noticeAt`: after an outage, the earlier ones are out of date. Undefined if none
 * is, such as after a change of the settings.
 */
export function dueNotice(
  { expiresAt, noticeAt }: Pick<Credential, 'expiresAt' | 'noticeAt'>,
  now: Date,
  lifecycle: Lifecycle,
): ExpiryNotice | undefined {
  if (expiresAt === null || noticeAt === null) return undefined;
  const due = noticesOf(expiresAt, lifecycle).filter(
    ({ timeMs }) => timeMs >= noticeAt.getTime() && timeMs <= now.getTime(),
  );
  return due.toSorted((one, other) => one.days - other.days)[0];
}

/** A changed time of expiry begins its notices anew: those that would be past already are not given. */
export function withNoticeTime(changed: Credential, present: Credential, now: Date, lifecycle: Lifecycle): Credential {
  if (changed.expiresAt?.getTime() === present.expiresAt?.getTime()) return changed;
  return { ...changed, noticeAt: nextNoticeTime(changed, now, lifecycle) };
}

function noticesOf(expiresAt: Date, { expiryNoticeDays }: Lifecycle) {
  return [...expiryNoticeDays, 0].map((days) => ({ days, timeMs: expiresAt.getTime() - days * dayMs }));
}
