import type { ListCredentialsRequest } from '../../../gen/scale/v5/credential_service_pb.ts';
import type { CredentialPage } from '../../vault/credentials/credential-reader.ts';
import type { CredentialFilter, CredentialSort } from '../../vault/credentials/ports.ts';

const limitDefault = 100;

const sorts: ReadonlyMap<string, CredentialSort> = new Map([
  ['created_at', 'createdAt'],
  ['updated_at', 'updatedAt'],
  ['name', 'name'],
]);

/** Which credentials a request means. */
export function filterOf({ name }: ListCredentialsRequest): CredentialFilter {
  return name === undefined ? {} : { name };
}

/** What part of the list a request means, and in which order. */
export function pageOf(request: ListCredentialsRequest): CredentialPage {
  const { limit = limitDefault, sortBy, sortOrder, startingAfter, endingBefore } = request;
  return {
    ...filterOf(request),
    size: limit,
    sortBy: sorts.get(sortBy ?? '') ?? 'createdAt',
    order: sortOrder === 'desc' ? 'descending' : 'ascending',
    ...(startingAfter !== undefined && { after: startingAfter }),
    ...(endingBefore !== undefined && { before: endingBefore }),
  };
}
