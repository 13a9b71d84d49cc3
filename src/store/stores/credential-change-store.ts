import {
  credentialChanges,
  type ChangedCredential,
  type CredentialChangeStore,
} from '../../vault/credentials/credential-watch.ts';
import { AuditEventEntity } from '../entities/audit.ts';
import type { Database } from '../postgres/database.ts';

const actions = Object.keys(credentialChanges).filter(isChange);
/** The times that can be shown; a database writer may have stored others, such as `infinity`. */
const readableTimes = { $gte: new Date('0001-01-01T00:00:00Z'), $lte: new Date('9999-12-31T23:59:59.999Z') };

/** Reads the changes of credentials from the audit trail. */
export class SqlCredentialChangeStore implements CredentialChangeStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async readChanges({
    workspaceId,
    after,
    size,
    signal,
  }: Parameters<CredentialChangeStore['readChanges']>[0]): Promise<readonly ChangedCredential[]> {
    const rows = await this.#database.find({ signal }, AuditEventEntity, {
      where: {
        workspaceId,
        id: { $gt: after },
        outcome: 'OK',
        resourceKind: 'credential',
        action: { $in: actions },
        time: readableTimes,
      },
      orderBy: { id: 'asc' },
      limit: size,
    });
    return rows.flatMap(({ id, time, action, resourceId }) =>
      isChange(action) ? [{ eventId: id, time, action, credentialId: resourceId ?? '' }] : [],
    );
  }
}

function isChange(action: string): action is ChangedCredential['action'] {
  return action in credentialChanges;
}
