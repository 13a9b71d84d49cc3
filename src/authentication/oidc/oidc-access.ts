import { BoundedMap } from '../../vault/bounded-map.ts';
import type { Reference } from '../../vault/ids.ts';
import type { Clock } from '../../vault/time.ts';
import type { AccessChanges } from '../../vault/identity/ports.ts';
import type { WorkspaceStore } from '../../vault/workspaces/ports.ts';
import type { ClaimNames } from './claims.ts';
import { OidcIssuer, type OidcIssuerOptions } from './oidc-issuer.ts';

/** A trusted token issuer, and the names of its claims. */
export interface OidcAccess {
  readonly issuer: OidcIssuer;
  readonly workspaces: KnownWorkspaces;
  readonly claimNames: ClaimNames;
}

/** Prepares a token issuer. Its documents are fetched when the first token arrives. */
export function createOidcAccess(
  options: OidcIssuerOptions & KnownWorkspacesParts & { readonly claimNames: ClaimNames },
): OidcAccess {
  return {
    issuer: new OidcIssuer(options),
    workspaces: new KnownWorkspaces(options),
    claimNames: options.claimNames,
  };
}

/** For how long a result is cached, in milliseconds. */
export const knownForMs = 10_000;

const resultsMax = 10_000;

export interface KnownWorkspacesParts {
  readonly workspaces: Pick<WorkspaceStore, 'findWorkspace'>;
  readonly accessChanges: AccessChanges;
  readonly clock: Clock;
}

interface Result {
  readonly id: string | undefined;
  readonly atMs: number;
}

/**
 * Looks up workspaces, and caches the results for a short time. A reported deletion drops them. A new workspace is found at once,
 * unless its id was looked up shortly before.
 */
export class KnownWorkspaces {
  readonly #parts: KnownWorkspacesParts;
  readonly #results = new BoundedMap<string, Result>(resultsMax);
  /** The number of reported changes. A lookup during which one is reported may have read the state before it. */
  #changes = 0;

  constructor(parts: KnownWorkspacesParts) {
    this.#parts = parts;
    parts.accessChanges.subscribe(({ kind }) => {
      if (kind !== 'workspace' && kind !== 'any') return;
      this.#changes += 1;
      this.#results.clear();
    });
  }

  /** The id of a workspace; undefined if it does not exist. */
  async find(reference: Reference, signal: AbortSignal): Promise<string | undefined> {
    const key = 'id' in reference ? reference.id : reference.shortId;
    const nowMs = this.#parts.clock.now().getTime();
    const known = this.#results.get(key);
    const isCurrent = this.#parts.accessChanges.isCurrent();
    if (known && isCurrent && Math.abs(nowMs - known.atMs) < knownForMs) return known.id;
    const before = this.#changes;
    const workspace = await this.#parts.workspaces.findWorkspace(reference, signal);
    if (isCurrent && this.#changes === before) this.#results.set(key, { id: workspace?.id, atMs: nowMs });
    return workspace?.id;
  }
}
