import { auditEvent } from './audit-event.ts';
import type { Call, Caller } from '../caller.ts';
import type { VaultError, VaultErrorCode } from '../errors.ts';
import { networkOf } from '../network.ts';
import type { AuditStore } from './ports.ts';
import type { Clock } from '../time.ts';
import type { IdSource } from '../ids.ts';

/** What the recorder works with. */
export interface AccessDenialRecorderParts {
  readonly audit: AuditStore;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** A call by a known caller that was refused. */
export type DeniedCall = Omit<Call, 'workspaceId' | 'signal'>;

const denials: ReadonlySet<VaultErrorCode> = new Set(['permission_denied', 'workspace_denied']);
const refusals: ReadonlySet<VaultErrorCode> = new Set(['token_missing', 'token_invalid', 'token_expired']);

/** The most networks that are counted apart. */
const networksMax = 1_000;

/** Calls of one network. */
interface RefusedCalls {
  /** The address, or the network where several of its addresses called. */
  readonly peer: string;
  readonly count: number;
}

/**
 * Puts calls that were not let in into the trail: those of known callers one by one, before they are answered; those of
 * unauthenticated callers counted per address (IPv6: per network of 64 bits), since anybody could fill the trail with them.
 */
export class AccessDenialRecorder {
  readonly #parts: AccessDenialRecorderParts;
  #refused = new Map<string, RefusedCalls>();

  constructor(parts: AccessDenialRecorderParts) {
    this.#parts = parts;
  }

  /**
   * Records a call of a known caller that lacked a right. The caller may be wrong about the workspace.
   *
   * @param credential what the request names, if any: it is recorded as it is named, and never looked up
   */
  async recordDenied(call: DeniedCall, { code, details }: VaultError, credential?: string): Promise<void> {
    if (!denials.has(code)) return;
    const { audit, clock, ids } = this.#parts;
    const workspaceId = ownWorkspace(call.caller, details.workspace);
    const resource = credential
      ? { resourceKind: 'credential', resourceId: storableName(credential) }
      : { resourceKind: 'permission', resourceId: details.permission ?? null };
    const deed = {
      id: ids.next(),
      time: clock.now(),
      action: 'access.denied',
      outcome: 'DENIED',
      ...resource,
    } as const;
    await audit.append(auditEvent({ ...call, workspaceId, signal: neverAborted }, deed));
  }

  /** Counts an unauthenticated call for the network of its peer; beyond a thousand networks, the others are counted together. */
  countUnauthenticated(peer: string, { code }: VaultError): void {
    if (!refusals.has(code)) return;
    const network = networkOf(peer);
    const isCounted = this.#refused.has(network) || this.#refused.size < networksMax;
    if (isCounted) this.#add(network, { peer, count: 1 });
    else this.#add(otherAddresses, { peer: otherAddresses, count: 1 });
  }

  /** Writes what was counted, an event for each network; what cannot be written is counted on, and the failure is thrown. */
  async flush(): Promise<void> {
    const refused = [...this.#refused];
    this.#refused = new Map();
    const written = await Promise.allSettled(refused.map(([, calls]) => this.#append(calls)));
    const failure = written.find((one) => one.status === 'rejected');
    if (!failure) return;
    for (const [index, [network, calls]] of refused.entries()) {
      if (written[index]?.status === 'rejected') this.#add(network, calls);
    }
    throw failure.reason;
  }

  #add(network: string, { peer, count }: RefusedCalls): void {
    const before = this.#refused.get(network);
    const isOneAddress = before === undefined || before.peer === peer;
    this.#refused.set(network, { peer: isOneAddress ? peer : network, count: count + (before?.count ?? 0) });
  }

  async #append({ peer, count }: RefusedCalls): Promise<void> {
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

/** A text of a caller's as the trail can keep it: bounded, and with U+FFFD for each control character and lone surrogate. */
function storableName(text: string): string {
  const characters = Array.from(text.slice(0, 2 * nameCharactersMax)).slice(0, nameCharactersMax);
  return characters.join('').replaceAll(/[\p{Cc}\p{Cs}]/gu, '\ufffd');
}

const otherAddresses = 'others';
const neverAborted = new AbortController().signal;

/** Where the event belongs: what a caller names and has nothing to do with is not his to write into. */
function ownWorkspace(caller: Caller, named: string | undefined): string {
  const own = caller.grants.find(({ workspaceId }) => workspaceId === named);
  return own?.workspaceId ?? caller.defaultWorkspaceId;
}
