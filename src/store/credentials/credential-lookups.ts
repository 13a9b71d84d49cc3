import assert from 'node:assert/strict';
import { trace, type Span } from '@opentelemetry/api';
import type { Credential } from '../../vault/credentials/credential.ts';
import { credentialUnreadable, VaultError } from '../../vault/errors.ts';
import type { FindRequest } from '../../vault/credentials/ports.ts';
import { credentialOf, isShowable, type CredentialRow } from './credential-row.ts';
import { findCredentials, type Place } from './credential-statements.ts';
import { canceled } from '../postgres/connect/database-failure.ts';
import type { Database } from '../postgres/database.ts';
import { GroupQueue } from '../postgres/statements/group-queue.ts';

interface Lookup {
  readonly request: FindRequest;
  /** Of the caller; gets the number of lookups that share the query. */
  readonly span: Span | undefined;
  readonly resolve: (credential: Credential | undefined) => void;
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
    assert(!('name' in request.reference && request.deletedToo), 'a name means what lives');
    const span = trace.getActiveSpan();
    return new Promise((resolve, reject) => {
      this.#queue.add({ request, span, resolve, reject });
    });
  }

  async #answer(group: readonly Lookup[]): Promise<readonly Lookup[]> {
    const wanted = group.filter((lookup) => !isDropped(lookup));
    if (wanted.length === 0) return [];
    try {
      const found = await this.#find(wanted.map(({ request }) => request));
      for (const [index, { reject, resolve, span }] of wanted.entries()) {
        span?.setAttribute('coffer.group.size', wanted.length);
        const row = found.get(index);
        if (row && !isShowable(row)) reject(unreadable(row));
        else resolve(row && credentialOf(row));
      }
    } catch (error) {
      // The lookup that fails is found by running them one by one, unless the database is away.
      if (wanted.length === 1 || error instanceof VaultError) for (const { reject } of wanted) reject(error);
      else for (const lookup of wanted) await this.#answer([lookup]);
    }
    return [];
  }

  /** By the indexes of the requests. */
  async #find(requests: readonly FindRequest[]): Promise<ReadonlyMap<number, CredentialRow>> {
    const workspaces = [...new Set(requests.map(({ workspaceId }) => workspaceId))];
    const places = properties.map((property) => ({ property, places: placesBy(property, requests) }));
    const statements = places
      .filter((some) => some.places.length > 0)
      .map((some) => findCredentials(some.property, some.places, { sealed: false }));
    const rows = await this.#database.read<CredentialRow & { readonly index: number }>({ workspaces }, statements);
    const found = rows.flat().filter(({ index, deletedAt }) => !deletedAt || requests[index]?.deletedToo);
    return new Map(found.map((row) => [row.index, row]));
  }
}

function placesBy(property: (typeof properties)[number], requests: readonly FindRequest[]): readonly Place[] {
  return requests.flatMap(({ workspaceId, reference }, index) => {
    const value: unknown = Reflect.get(reference, property);
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
