import type { KeyScope } from '../key-scope.ts';
import { allOf, type Filter } from '../search/filter.ts';
import type { CredentialFilter } from './ports.ts';

/** Converts the filter of a dialect, with the scope of the caller's key, to the form of all searches. */
export function filterOf({ keyScope, ...filter }: CredentialFilter): Filter | undefined {
  const { authTypes, authTypesExcept, categories, name, providers, search, states } = filter;
  const parts: readonly (Filter | undefined)[] = [
    name === undefined ? undefined : { kind: 'text', field: 'name', operator: '=', value: name },
    providers && { kind: 'any_of', field: 'provider', values: providers },
    authTypes && { kind: 'any_of', field: 'authType', values: authTypes, ignoresCase: true },
    authTypesExcept && {
      kind: 'not',
      part: { kind: 'any_of', field: 'authType', values: authTypesExcept, ignoresCase: true },
    },
    categories && { kind: 'any_of', field: 'category', values: categories },
    states && { kind: 'or', parts: states.map((state) => ({ kind: 'state', state })) },
    search === undefined ? undefined : { kind: 'contains', text: search },
    ...scopeFilters(keyScope),
  ];
  return allOf(parts.filter((part) => part !== undefined));
}

/** The conditions of `isWithin`. */
export function scopeFilters(keyScope: KeyScope | undefined): readonly Filter[] {
  if (!keyScope) return [];
  const { credentialIds: ids, providers, subjects, tags } = keyScope;
  return [
    ...(ids.length > 0 ? [{ kind: 'any_id', ids } as const] : []),
    ...(providers.length > 0 ? [{ kind: 'any_of', field: 'provider', values: providers } as const] : []),
    ...(subjects.length > 0 ? [{ kind: 'any_of', field: 'subject', values: subjects } as const] : []),
    ...(tags.length > 0 ? [{ kind: 'any_tag', tags } as const] : []),
  ];
}
