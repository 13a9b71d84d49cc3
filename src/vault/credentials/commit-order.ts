import type { ChangedCredential } from './change-events.ts';

/**
 * Orders changes that were visible at one moment as they may have been committed: those of a stream by their numbers, and those of
 * a credential by its revisions, whichever processes made them; otherwise by their ids. The clocks of processes differ, and one
 * millisecond may have changes by several, so ids are not sufficient.
 */
export function inCommitOrder(changes: readonly ChangedCredential[]): readonly ChangedCredential[] {
  const streams = [...Map.groupBy(changes, ({ stream }) => stream).values()].map((queue) => ({
    queue: queue.toSorted((one, other) => one.sequence - other.sequence),
    next: 0,
  }));
  if (streams.length < 2) return streams[0]?.queue ?? [];
  const pending = pendingRevisions(changes);
  const isBlocked = ({ credentialId, revision }: ChangedCredential): boolean =>
    revision > (pending.get(credentialId)?.at(-1) ?? revision);
  const ordered: ChangedCredential[] = [];
  while (ordered.length < changes.length) {
    const heads = streams.flatMap((stream) => {
      const change = stream.queue[stream.next];
      return change ? [{ stream, change }] : [];
    });
    // Every head is blocked only if the trail was tampered with.
    const free = heads.filter(({ change }) => !isBlocked(change));
    const first = (free.length > 0 ? free : heads).reduce((one, other) =>
      other.change.eventId < one.change.eventId ? other : one,
    );
    first.stream.next += 1;
    const revisions = pending.get(first.change.credentialId);
    revisions?.splice(revisions.lastIndexOf(first.change.revision), 1);
    ordered.push(first.change);
  }
  return ordered;
}

/** The revisions of each credential, the lowest last. */
function pendingRevisions(changes: readonly ChangedCredential[]): Map<string, number[]> {
  const pending = new Map<string, number[]>();
  for (const [id, ofCredential] of Map.groupBy(changes, ({ credentialId }) => credentialId)) {
    pending.set(
      id,
      ofCredential.map(({ revision }) => revision).toSorted((one, other) => other - one),
    );
  }
  return pending;
}
