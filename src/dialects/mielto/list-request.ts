import type { ListCredentialsRequest } from '../../../gen/mielto/v1/credential_service_pb.ts';
import type { CredentialState } from '../../vault/credentials/credential.ts';
import type { CredentialFilter } from '../../vault/credentials/ports.ts';
import { authTypeMappings } from '../shared/auth-type-mapping.ts';

/** A part of the list, by the place where it begins. */
export interface ListRange {
  readonly skip: number;
  readonly limit: number;
  /** From 1. */
  readonly page: number;
}

const limitDefault = 100;

/** What part of the list a request means. */
export function rangeOf({ skip = 0, limit = limitDefault }: ListCredentialsRequest): ListRange {
  return { skip, limit, page: Math.floor(skip / limit) + 1 };
}

const states: ReadonlyMap<string, Exclude<CredentialState, 'DELETED'>> = new Map([
  ['active', 'ACTIVE'],
  ['inactive', 'INACTIVE'],
  ['expired', 'EXPIRED'],
]);

/** Which credentials a request means. */
export function filterOf({ credentialType, authType, status, search }: ListCredentialsRequest): CredentialFilter {
  const state = states.get(status ?? '');
  return {
    ...(credentialType !== undefined && { categories: [credentialType] }),
    ...(authType !== undefined && authTypeMappings.mielto.filterOf(authType)),
    ...(state && { states: [state] }),
    ...(search && { search }),
  };
}
