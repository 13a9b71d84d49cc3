import type { Credential, VersionRecord } from '../../vault/credentials/credential.ts';
import type { VaultError } from '../../vault/errors.ts';
import type {
  CountRequest,
  CredentialStore,
  FindRequest,
  PageRequest,
  UsedCredential,
  VersionPageRequest,
  VersionRequest,
  ReadAllRequest,
} from '../../vault/credentials/ports.ts';
import type {
  Decision,
  DecisionTarget,
  FoundCredential,
  FoundMatches,
  FoundReference,
  JointDecisions,
  JointResult,
} from '../../vault/credentials/decision-ports.ts';
import { filterOf } from '../../vault/credentials/credential-filter.ts';
import type { MatchCount, SearchPage, SearchRequest } from '../../vault/credentials/search-ports.ts';
import type { Keeping } from '../../vault/requests/ports.ts';
import type { ConsumerUse } from '../../vault/usage/consumer-recorder.ts';
import type { Usage } from '../../vault/usage/usage-recorder.ts';
import { addConsumers, dropOldConsumers } from '../credentials/consumer-statements.ts';
import { idTaken, nameTaken } from '../credentials/credential-claims.ts';
import { CredentialLookups } from '../credentials/credential-lookups.ts';
import { credentialOf, isShowable, type CredentialRow } from '../credentials/credential-row.ts';
import { findEach } from '../commits/group-state.ts';
import type { CredentialGuard } from '../credentials/credential-guard.ts';
import { isSoughtBackwards, listPage } from '../search/list-statements.ts';
import { CredentialSearcher } from '../search/credential-searcher.ts';
import { addUses, findSealedVersion } from '../credentials/credential-statements.ts';
import { listVersions } from '../credentials/version-statements.ts';
import type { VersionState } from '../entities/credential.ts';
import { isReadableTime } from '../postgres/statements/column-readers.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import { DatabaseFailure } from '../postgres/connect/database-failure.ts';
import type { Database } from '../postgres/database.ts';
import { StatementNames } from '../postgres/statements/statement.ts';
import type { StoreLog } from '../postgres/connect/store-log.ts';

/** What keeping credentials works with. */
export interface CredentialStoreParts {
  readonly database: Database;
  readonly commits: CommitQueue;
  readonly guard: CredentialGuard;
  readonly log: StoreLog;
}

/** How many credentials a read of many loads at a time. */
const readAtOnce = 100;

/** Credentials in PostgreSQL. Every method works within the workspaces that its arguments name, by row-level security. */
export class SqlCredentialStore implements CredentialStore {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #guard: CredentialGuard;
  readonly #log: StoreLog;
  readonly #lookups: CredentialLookups;
  readonly #searcher: CredentialSearcher;
  readonly #names = new StatementNames('list');

  constructor({ database, commits, guard, log }: CredentialStoreParts) {
    this.#database = database;
    this.#guard = guard;
    this.#log = log;
    this.#commits = commits;
    this.#lookups = new CredentialLookups(database);
    this.#searcher = new CredentialSearcher({ database, log });
  }

  async decide<Answer>(
    target: DecisionTarget,
    decide: (found: FoundCredential | undefined, matches: FoundMatches | undefined) => Decision<Answer>,
    keeping?: Keeping<Answer>,
  ): Promise<Answer> {
    let decision: Decision<Answer> | undefined;
    const remember: typeof decide = (found, matches) => {
      decision = decide(found, matches);
      return decision;
    };
    try {
      return await this.#commits.decide(target, remember, keeping);
    } catch (error) {
      throw collisionOf(error, decision) ?? error;
    }
  }

  async decideJointly<Answer>(
    decisions: JointDecisions<Answer>,
    keeping?: Keeping<readonly JointResult<Answer>[]>,
  ): Promise<readonly JointResult<Answer>[]> {
    return this.#commits.decideJointly(decisions, keeping);
  }

  async readAll(
    { references, sealed = false, versions, deletedToo = false, signal, workspaceId }: ReadAllRequest,
    receive: (found: readonly FoundReference[]) => boolean,
  ): Promise<void> {
    const scope = { workspaces: [workspaceId], isSnapshot: true, signal };
    const wanted = { workspaceId, deletedToo, ...(versions ? { versions } : { sealed }) };
    await this.#database.transact(scope, async (transaction) => {
      for (let start = 0; start < references.length; start += readAtOnce) {
        const targets = references
          .slice(start, start + readAtOnce)
          .map((reference) => (reference ? Object.assign({ reference }, wanted) : { workspaceId }));
        if (!receive(await findEach(transaction, targets, this.#guard))) return;
      }
    });
  }

  async find(request: FindRequest): Promise<Credential | undefined> {
    return this.#lookups.find(request);
  }

  async findSealed({ workspaceId, id, version, signal }: VersionRequest): Promise<Uint8Array | undefined> {
    const statement = findSealedVersion({ workspaceId, id, version });
    const [rows] = await this.#database.read<{ readonly sealed: Uint8Array | null }>(
      { workspaces: [workspaceId], signal },
      [statement],
    );
    return rows?.[0]?.sealed ?? undefined;
  }

  async findUsed(request: FindRequest): Promise<UsedCredential | undefined> {
    return this.#lookups.findUsed(request);
  }

  async list(request: PageRequest): Promise<readonly Credential[]> {
    const credentials: Credential[] = [];
    for (let page = request; ;) {
      const [rows = []] = await this.#database.read<CredentialRow>(scopeOf(request), [listPage(page, this.#names)]);
      credentials.push(...rows.filter((row) => this.#isShown(row)).map(credentialOf));
      const lacking = request.size - credentials.length;
      const [last] = rows.slice(-1);
      // Where places are counted, a row that cannot be shown keeps its own.
      if (!last || lacking === 0 || rows.length < page.size || request.skip !== undefined) break;
      page = { ...request, [isSoughtBackwards(request) ? 'before' : 'after']: last.id, size: lacking };
    }
    return isSoughtBackwards(request) ? credentials.toReversed() : credentials;
  }

  #isShown(row: CredentialRow): boolean {
    if (isShowable(row)) return true;
    const fields = { table: 'credential', id: row.id, workspace: row.workspaceId };
    this.#log.error(fields, 'a credential was changed outside of Coffer: it cannot be shown');
    return false;
  }

  async count({ deletedToo = false, now, signal, workspaceId, ...filter }: CountRequest): Promise<number> {
    return this.#searcher.count({ workspaceId, filter: filterOf(filter), deletedToo, now, signal });
  }

  async search(request: SearchRequest): Promise<SearchPage> {
    return this.#searcher.search(request);
  }

  async countMatches(request: MatchCount): Promise<number> {
    return this.#searcher.count(request);
  }

  async listVersions(request: VersionPageRequest): Promise<readonly VersionRecord[]> {
    const { workspaceId, signal } = request;
    const [rows = []] = await this.#database.read<ListedVersionRow>({ workspaces: [workspaceId], signal }, [
      listVersions(request),
    ]);
    return rows.flatMap(({ state, ...version }) => {
      if (isReadableTime(version.createdAt)) return [{ ...version, isDestroyed: state === 'destroyed' }];
      const fields = { table: 'credential_version', id: request.credentialId, workspace: workspaceId };
      this.#log.error(fields, 'a version was changed outside of Coffer: it cannot be shown');
      return [];
    });
  }

  async recordUses(uses: readonly Usage[]): Promise<void> {
    if (uses.length === 0) return;
    const workspaces = [...new Set(uses.map(({ workspaceId }) => workspaceId))];
    await this.#database.transact({ workspaces }, (transaction) => transaction.run(addUses(uses)));
  }

  async recordConsumers(uses: readonly ConsumerUse[]): Promise<void> {
    const workspaces = [...new Set(uses.map(({ workspaceId }) => workspaceId))];
    await this.#database.transact({ workspaces }, (transaction) =>
      Promise.all([transaction.run(addConsumers(uses)), transaction.run(dropOldConsumers(uses))]),
    );
  }
}

type ListedVersionRow = Omit<VersionRecord, 'isDestroyed'> & { readonly state: VersionState };

function scopeOf({ workspaceId, signal }: CountRequest) {
  return { workspaces: [workspaceId], signal };
}

/** What a violated unique constraint means to the caller. */
const collisions: Readonly<Record<string, (credential: Credential) => VaultError>> = {
  credential_pkey: idTaken,
  // Of the two rows of a create, either may be the first to collide.
  credential_version_pkey: idTaken,
  credential_short_id_unique: idTaken,
  credential_exclusive_name_unique: nameTaken,
};

function collisionOf(error: unknown, decision: Decision<unknown> | undefined): VaultError | undefined {
  if (!(error instanceof DatabaseFailure) || !decision || 'refusal' in decision) return undefined;
  const written = decision.insert ?? decision.update;
  return written && collisions[error.constraint ?? '']?.(written.credential);
}
