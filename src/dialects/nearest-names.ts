import type { CredentialFilter } from '../vault/ports.ts';

/** A dialect's own names of auth types, of which it knows fewer than the vault keeps. */
export interface NearestNames {
  /** The name that a credential of any dialect is shown with. */
  readonly nameOf: (authType: string) => string;
  /** What fits exactly the credentials that are shown with a name. */
  readonly filterOf: (name: string) => Pick<CredentialFilter, 'authTypes' | 'authTypesExcept'>;
}

/**
 * @param names the names by the vault's auth types in small letters: the dialect's own, and the nearest to those of others
 * @param nameOfOthers stands for all other auth types
 */
export function nearestNames(names: Readonly<Record<string, string>>, nameOfOthers: string): NearestNames {
  const byAuthType = new Map(Object.entries(names));
  const nameOf = (authType: string): string => byAuthType.get(authType.toLowerCase()) ?? nameOfOthers;
  const known = [...byAuthType.keys()];
  return {
    nameOf,
    filterOf: (name) =>
      name === nameOfOthers
        ? { authTypesExcept: known.filter((authType) => nameOf(authType) !== name) }
        : { authTypes: known.filter((authType) => nameOf(authType) === name) },
  };
}
