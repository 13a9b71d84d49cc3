import type { Call, Caller } from '../caller.ts';
import type { VaultError, VaultErrorCode } from '../errors.ts';
import { networkOf } from '../network.ts';
import { auditEvent, type EventSource } from './audit-event.ts';
import type { AuditStore } from './ports.ts';

export interface AccessDenialRecorderParts extends EventSource {
  readonly audit: AuditStore;
}

/** A call by an authenticated caller that was denied. */
export type DeniedCall = Omit<Call, 'workspaceId' | 'signal'>;

const denials: ReadonlySet<VaultErrorCode> = new Set(['permission_denied', 'workspace_denied']);
const unauthenticated: ReadonlySet<VaultErrorCode> = new Set(['token_missing', 'token_invalid', 'token_expired']);

/** The most networks that are counted separately. */
const networksMax = 1_000;
/** Stands for the network of all calls beyond that. */
const otherNetworks = 'others';

/** The unauthenticated calls of one network. */
interface NetworkCalls {
  /** The address, or the network if several of its addresses called. */
  readonly peer: string;
  readonly count: number;
}

/**
 * Records denied calls in the trail. A denial of an authenticated caller is one event, written before the response.
 * Unauthenticated calls are counted per address (IPv6: per network of 64 bits), because anyone can send any number of them.
 */
export class AccessDenialRecorder {
  readonly #parts: AccessDenialRecorderParts;
  #unauthenticated = new Map<string, NetworkCalls>();

  constructor(parts: AccessDenialRecorderParts) {
    this.#parts = parts;
  }

  /**
   * Records the denial of a call by an authenticated caller.
   *
   * @param credential as the request names it, if it names one; it is not looked up
   */
  async recordDenied(call: DeniedCall, { code, details }: VaultError, credential?: string): Promise<void> {
    if (!denials.has(code)) return;
    const workspaceId = ownWorkspace(call.caller, details.workspace);
    const permission = details.permission ?? null;
    const resource = credential
      ? ({ resourceKind: 'credential', resourceId: storableName(credential) } as const)
      : ({ resourceKind: 'permission', resourceId: permission } as const);
    const denied = { action: 'access.denied', outcome: 'DENIED', permission, ...resource } as const;
    await this.#parts.audit.append(auditEvent(this.#parts, { ...call, workspaceId }, denied));
  }

  /** Counts an unauthenticated call for the network of its peer; beyond 1,000 networks, the others share one count. */
  countUnauthenticated(peer: string, { code }: VaultError): void {
    if (!unauthenticated.has(code)) return;
    const network = networkOf(peer);
    const isCounted = this.#unauthenticated.has(network) || this.#unauthenticated.size < networksMax;
    if (isCounted) this.#add(network, { peer, count: 1 });
    else this.#add(otherNetworks, { peer: otherNetworks, count: 1 });
  }

  /** Writes one event for each network. What cannot be written is kept for the next flush, and the failure is thrown. */
  async flush(): Promise<void> {
    const counted = [...this.#unauthenticated];
    this.#unauthenticated = new Map();
    const written = await Promise.allSettled(counted.map(([, calls]) => this.#append(calls)));
    const failure = written.find((one) => one.status === 'rejected');
    if (!failure) return;
    for (const [index, [network, calls]] of counted.entries()) {
      if (written[index]?.status === 'rejected') this.#add(network, calls);
    }
    throw failure.reason;
  }

  #add(network: string, { peer, count }: NetworkCalls): void {
    const before = this.#unauthenticated.get(network);
    const isOneAddress = before === undefined || before.peer === peer;
    this.#unauthenticated.set(network, { peer: isOneAddress ? peer : network, count: count + (before?.count ?? 0) });
  }

  async #append({ peer, count }: NetworkCalls): Promise<void> {
    const { audit, clock, ids } = this.#parts;
    await audit.append({
      id: ids.next(),
      time: clock.now(),
      workspaceId: null,
      actorKind: 'anonymous',
      actorId: null,
      actorName: '',
      authentication: 'none',
      action: 'access.refused',
      resourceKind: 'permission',
      resourceId: null,
      outcome: 'DENIED',
      protocol: 'none',
      dialect: '',
      peer,
      requestId: '',
      count,
    });
  }
}

/** No id and no name of a credential is longer. */
const nameCharactersMax = 255;

/** The caller's text in a form that the trail can store: bounded, with U+FFFD for control characters and unpaired surrogates. */
function storableName(text: string): string {
  const characters = Array.from(text.slice(0, 2 * nameCharactersMax)).slice(0, nameCharactersMax);
  return characters.join('').replaceAll(/[\p{Cc}\p{Cs}]/gu, '\ufffd');
}

/** The workspace of the event: a caller must not write events into a workspace in which they have no grant. */
function ownWorkspace(caller: Caller, named: string | undefined): string {
  const own = caller.grants.find(({ workspaceId }) => workspaceId === named);
  return own?.workspaceId ?? caller.defaultWorkspaceId;
}
