import {
  credentialChanges,
  type ChangedCredential,
  type CredentialChangeStore,
} from '../../vault/credentials/credential-watch.ts';
import type { Database } from '../postgres/database.ts';
import type { Statement } from '../postgres/statements/statement.ts';

/** Reads what happened to credentials out of the trail. */
export class SqlCredentialChangeStore implements CredentialChangeStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async readChanges(
    request: Parameters<CredentialChangeStore['readChanges']>[0],
  ): Promise<readonly ChangedCredential[]> {
    return this.#database.query<ChangedCredential>(readChanges(request), request.signal);
  }
}

function readChanges({
  workspaceId,
  after,
  size,
}: Omit<Parameters<CredentialChangeStore['readChanges']>[0], 'signal'>): Statement {
  return {
    name: 'changes of credentials',
    text: `
      select id as "eventId", time, action, resource_id as "credentialId" from audit_event
      where workspace_id = $1 and id > $2 and outcome = 'OK' and resource_kind = 'credential' and action = any ($3)
        and time >= '0001-01-01T00:00:00Z' and time < '10000-01-01T00:00:00Z'
      order by id limit $4`,
    values: [workspaceId, after, Object.keys(credentialChanges), size],
  };
}
