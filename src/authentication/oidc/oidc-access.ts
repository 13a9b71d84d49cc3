import type { ClaimNames } from './claimed-grants.ts';
import { KnownWorkspaces, type KnownWorkspacesParts } from './known-workspaces.ts';
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
