import type { AuditEvent, AuditOutcome, EventSource } from '../audit/audit-event.ts';
import type { AuditStore } from '../audit/ports.ts';
import type { AnonymousCall } from '../caller.ts';
import { networkOf } from '../network.ts';

export interface UnsealAttemptsParts extends EventSource {
  readonly audit: Pick<AuditStore, 'append'>;
}

/** The result of an attempt; `purpose` describes what was given, such as `share 1 of 3`. */
export interface AttemptResult {
  readonly outcome: AuditOutcome;
  readonly purpose: string;
}

/** The most events that are kept until the trail is open; further attempts share one. */
const eventsMax = 1_000;
/** Stands for the address of attempts that share an event. */
const others = 'others';

/**
 * The attempts to unseal, which the trail records once it is open. Attempts of one address (IPv6: of a network of 64 bits) with the
 * same result are one event with a count and the time of the last one.
 */
export class UnsealAttempts {
  readonly #parts: UnsealAttemptsParts;
  #events = new Map<string, AuditEvent>();

  constructor(parts: UnsealAttemptsParts) {
    this.#parts = parts;
  }

  add(call: Omit<AnonymousCall, 'signal'>, result: AttemptResult): void {
    const key = JSON.stringify([networkOf(call.peer), result.outcome, result.purpose]);
    const isKept = this.#events.has(key) || this.#events.size < eventsMax;
    if (isKept) this.#count(key, this.eventOf(call, result));
    else this.#count(others, { ...this.eventOf(call, result), peer: others, purpose: null });
  }

  /** The event of one attempt. */
  eventOf(call: Omit<AnonymousCall, 'signal'>, { outcome, purpose }: AttemptResult): AuditEvent {
    const { clock, ids } = this.#parts;
    const { dialect, peer, protocol, requestId } = call;
    return {
      id: ids.next(),
      time: clock.now(),
      workspaceId: null,
      actorKind: 'anonymous',
      actorId: null,
      actorName: '',
      authentication: 'none',
      action: 'keys.unseal',
      resourceKind: 'master_key',
      resourceId: null,
      outcome,
      protocol,
      dialect,
      peer,
      requestId,
      purpose,
    };
  }

  /**
   * Writes all events, and the last one, which is not kept if it fails.
   *
   * @throws what the store throws; what was not written is kept
   */
  async write(last: AuditEvent): Promise<void> {
    for (const [key, event] of this.#events) {
      await this.#parts.audit.append(event);
      this.#events.delete(key);
    }
    await this.#parts.audit.append(last);
  }

  #count(key: string, event: AuditEvent): void {
    const count = (this.#events.get(key)?.count ?? 0) + 1;
    this.#events.set(key, { ...event, count });
  }
}
