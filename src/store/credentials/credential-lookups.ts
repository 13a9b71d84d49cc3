import assert from 'node:assert/strict';
import { trace, type Span } from '@opentelemetry/api';
import type { Credential } from '../../vault/credentials/credential.ts';
import { credentialUnreadable, VaultError } from '../../vault/errors.ts';
import type { FindRequest, UsedCredential } from '../../vault/credentials/ports.ts';
import { consumersOf, type ConsumerRow } from './consumer-statements.ts';
import { credentialOf, isShowable, type CredentialRow } from './credential-row.ts';
import { findCredentials, type Place } from './credential-statements.ts';
import { canceled } from '../postgres/connect/database-failure.ts';
import type { Database } from '../postgres/database.ts';
import { GroupQueue } from '../postgres/statements/group-queue.ts';

type FoundRow = CredentialRow & { readonly index: number; readonly consumers?: readonly ConsumerRow[] | null };

interface Lookup {
  readonly request: FindRequest;
  readonly withConsumers: boolean;
  /** Of the caller; gets the number of lookups that share the query. */
  readonly span: Span | undefined;
  readonly resolve: (row: FoundRow | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** The most lookups of one query. */
const groupMax = 128;
const properties = ['id', 'shortId', 'name'] as const;

/**
 * Shows credentials by what they are named by. Lookups that arrive while a query is under way share the next one: each gets
 * what it would have got in a separate query, and what fails because of one of them fails for that one only.
 */
export class CredentialLookups {
  readonly #database: Database;
  readonly #queue = new GroupQueue<Lookup>({ work: (group) => this.#answer(group), groupMax });

  constructor(database: Database) {
    this.#database = database;
  }

  /** @throws VaultError `canceled` where the signal is aborted before the query begins; what `Database` throws */
  async find(request: FindRequest): Promise<Credential | undefined> {
    return new Promise((resolve, reject) => {
      this.#add(request, { withConsumers: false, resolve: (row) => resolve(row && credentialOf(row)), reject });
    });
  }

  /** As `find`, with the newest consumers. */
  async findUsed(request: FindRequest): Promise<UsedCredential | undefined> {
    return new Promise((resolve, reject) => {
      const answer = (row: FoundRow | undefined) =>
        resolve(row && { credential: credentialOf(row), consumers: consumersOf(row.consumers ?? []) });
      this.#add(request, { withConsumers: true, resolve: answer, reject });
    });
  }

  #add(request: FindRequest, lookup: Pick<Lookup, 'withConsumers' | 'resolve' | 'reject'>): void {
    assert(!('name' in request.reference && request.deletedToo), 'a name means what lives');
    this.#queue.add({ request, span: trace.getActiveSpan(), ...lookup });
  }

  async #answer(group: readonly Lookup[]): Promise<readonly Lookup[]> {
    const wanted = group.filter((lookup) => !isDropped(lookup));
    if (wanted.length === 0) return [];
    try {
      const found = await this.#find(wanted);
      for (const [index, { reject, resolve, span }] of wanted.entries()) {
        span?.setAttribute('coffer.group.size', wanted.length);
        const row = found.get(index);
        if (row && !isShowable(row)) reject(unreadable(row));
        else resolve(row);
      }
    } catch (error) {
      // The lookup that fails is found by running them one by one, unless the database is away.
      if (wanted.length === 1 || error instanceof VaultError) for (const { reject } of wanted) reject(error);
      else for (const lookup of wanted) await this.#answer([lookup]);
    }
    return [];
  }

  /** By the indexes of the requests. */
  async #find(lookups: readonly Lookup[]): Promise<ReadonlyMap<number, FoundRow>> {
    const workspaces = [...new Set(lookups.map(({ request }) => request.workspaceId))];
    const wanted = properties.flatMap((property) =>
      [false, true].map((withConsumers) => ({
        property,
        withConsumers,
        places: placesBy(property, lookups, withConsumers),
      })),
    );
    const statements = wanted
      .filter(({ places }) => places.length > 0)
      .map(({ property, places, withConsumers }) =>
        findCredentials(property, places, { sealed: false, withConsumers }),
      );
    const rows = await this.#database.read<FoundRow>({ workspaces }, statements);
    const found = rows.flat().filter(({ index, deletedAt }) => !deletedAt || lookups[index]?.request.deletedToo);
    return new Map(found.map((row) => [row.index, row]));
  }
}

function placesBy(
  property: (typeof properties)[number],
  lookups: readonly Lookup[],
  withConsumers: boolean,
): readonly Place[] {
  return lookups.flatMap((lookup, index) => {
    const { workspaceId, reference } = lookup.request;
    const value: unknown = lookup.withConsumers === withConsumers ? Reflect.get(reference, property) : undefined;
    return typeof value === 'string' ? [{ workspaceId, value, index }] : [];
  });
}

function unreadable({ id, workspaceId }: CredentialRow): VaultError {
  return credentialUnreadable(`credential ${id} of workspace ${workspaceId} was changed outside of Coffer`);
}

/** Rejects a lookup that was cancelled while it waited. */
function isDropped({ request: { signal }, reject }: Lookup): boolean {
  if (!signal.aborted) return false;
  reject(canceled(signal));
  return true;
}
