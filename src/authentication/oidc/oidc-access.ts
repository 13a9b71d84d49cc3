import { BoundedMap } from '../../vault/bounded-map.ts';
import type { Reference } from '../../vault/ids.ts';
import type { Clock } from '../../vault/time.ts';
import type { AccessChanges } from '../../vault/identity/ports.ts';
import type { WorkspaceStore } from '../../vault/workspaces/ports.ts';
import type { ClaimNames } from './claims.ts';
import { OidcIssuer, type OidcIssuerOptions } from './oidc-issuer.ts';

/** An issuer whose access tokens prove callers, and what its claims are called. */
export interface OidcAccess {
  readonly issuer: OidcIssuer;
  readonly workspaces: KnownWorkspaces;
  readonly claimNames: ClaimNames;
}

/** Prepares to believe an issuer. Nothing is fetched before the first token comes. */
export function createOidcAccess(
  options: OidcIssuerOptions & KnownWorkspacesParts & { readonly claimNames: ClaimNames },
): OidcAccess {
  return {
    issuer: new OidcIssuer(options),
    workspaces: new KnownWorkspaces(options),
    claimNames: options.claimNames,
  };
}

/** For how long an answer is kept, in milliseconds. */
export const knownForMs = 10_000;

const answersMax = 10_000;

/** What is asked, what tells that an answer has changed, and what tells the time. */
export interface KnownWorkspacesParts {
  readonly workspaces: Pick<WorkspaceStore, 'findWorkspace'>;
  readonly accessChanges: AccessChanges;
  readonly clock: Clock;
}

interface Answer {
  readonly id: string | undefined;
  readonly atMs: number;
}

/**
 * Tells which workspaces exist, and remembers the answers for a moment. One that is deleted is forgotten when it is told;
 * one that is made is known where nobody asked for it before.
 */
export class KnownWorkspaces {
  readonly #parts: KnownWorkspacesParts;
  readonly #answers = new BoundedMap<string, Answer>(answersMax);
  /** How many changes were told: what was asked for while one came may be from before it. */
  #changes = 0;

  constructor(parts: KnownWorkspacesParts) {
    this.#parts = parts;
    parts.accessChanges.subscribe(({ kind }) => {
      if (kind !== 'workspace' && kind !== 'any') return;
      this.#changes += 1;
      this.#answers.clear();
    });
  }

  /** The id of a workspace; undefined where there is none. */
  async find(reference: Reference, signal: AbortSignal): Promise<string | undefined> {
    const key = 'id' in reference ? reference.id : reference.shortId;
    const nowMs = this.#parts.clock.now().getTime();
    const known = this.#answers.get(key);
    const isCurrent = this.#parts.accessChanges.isCurrent();
    if (known && isCurrent && Math.abs(nowMs - known.atMs) < knownForMs) return known.id;
    const before = this.#changes;
    const workspace = await this.#parts.workspaces.findWorkspace(reference, signal);
    if (isCurrent && this.#changes === before) this.#remember(key, { id: workspace?.id, atMs: nowMs });
    return workspace?.id;
  }

  #remember(key: string, answer: Answer): void {
    this.#answers.set(key, answer);
  }
}
