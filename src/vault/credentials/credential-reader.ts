import { authorize, type Call, grantOf, isVisible, keyScopeOfCall } from '../caller.ts';
import type { Credential } from './credential.ts';
import { invalidArgument, notFound, VaultError } from '../errors.ts';
import { parseId, parseReference, type Reference } from '../ids.ts';
import { checkPageSize, fillPage } from '../page.ts';
import type { Position } from '../search/position.ts';
import { limits } from '../limits.ts';
import { permits } from '../permissions.ts';
import type { Clock } from '../time.ts';
import { filterOf } from './credential-filter.ts';
import type { CredentialFilter, CredentialStore, PageRequest, UsedCredential } from './ports.ts';
import type { CredentialReference } from './decision-ports.ts';

export interface CredentialReaderParts {
  readonly store: CredentialStore;
  readonly clock: Clock;
}

/** Which credentials are shown beside those that are not deleted. */
export interface ShownCredentials {
  /** Whether to show deleted ones, too. Purged ones are never shown. */
  readonly showDeleted?: boolean;
}

/** A page of a list. */
export type CredentialPage = Omit<PageRequest, 'workspaceId' | 'signal' | 'now' | 'deletedToo'>;

/** A whole list in the order of creation or in the reverse order. */
export type CredentialWalk = CredentialFilter & Pick<CredentialPage, 'order'>;

/**
 * Shows the metadata of credentials in every state, never their secrets. Each method authorizes the call in its workspace before
 * anything else. Ids may be in either form; an id that is malformed, unknown, deleted or of another workspace is `not_found`.
 */
export class CredentialReader {
  readonly #parts: CredentialReaderParts;

  constructor(parts: CredentialReaderParts) {
    this.#parts = parts;
  }

  /** @throws VaultError `not_found` */
  async describeCredential(
    call: Call,
    id: string,
    { showDeleted = false }: ShownCredentials = {},
  ): Promise<Credential> {
    authorize(call, 'credentials.read');
    return this.#describe(call, id, credentialReferenceOf(id), showDeleted);
  }

  /**
   * As `describeCredential`, with those that used the credential last.
   *
   * @throws VaultError `not_found`
   */
  async describeUsedCredential(
    call: Call,
    id: string,
    { showDeleted: deletedToo = false }: ShownCredentials = {},
  ): Promise<UsedCredential> {
    authorize(call, 'credentials.read');
    const { workspaceId, signal } = call;
    const reference = credentialReferenceOf(id);
    const found = await this.#parts.store.findUsed({ workspaceId, reference, deletedToo, signal });
    if (!found || !isShown(call, found.credential)) throw notFound('credential', id);
    return found;
  }

  /**
   * Shows the credential that has the name exclusively, or else the oldest one of that name.
   *
   * @throws VaultError `not_found`
   */
  async describeByName(call: Call, name: string): Promise<Credential> {
    authorize(call, 'credentials.read');
    return this.#describe(call, name, nameReferenceOf(name));
  }

  /**
   * Lists a page.
   *
   * @throws VaultError `invalid_argument` for a size out of 1..`limits.pageSizeOfDialects`, a text that cannot be stored and, with
   *   the reason `CURSOR_UNKNOWN`, for an `after` or `before` that was never the id of a credential of the workspace
   */
  async listCredentials(call: Call, page: CredentialPage): Promise<readonly Credential[]> {
    authorize(call, 'credentials.read');
    checkPage(page);
    return this.#list(call, page);
  }

  /**
   * As `listCredentials`; also returns whether the list continues in the direction of the page. A page ends early if it would
   * exceed `limits.listBytes`.
   */
  async pageCredentials(
    call: Call,
    page: CredentialPage,
  ): Promise<{ readonly credentials: readonly Credential[]; readonly hasMore: boolean }> {
    authorize(call, 'credentials.read');
    checkPage(page);
    const isSoughtBackwards = page.before !== undefined && page.after === undefined;
    const { skip: _skip, ...behindFirst } = page;
    const { items, hasMore } = await fillPage(page.size, async ({ size, after }) => {
      if (after === undefined) return inDirection(await this.#list(call, { ...page, size }));
      const position = isSoughtBackwards ? { before: after } : { after };
      return inDirection(await this.#list(call, { ...behindFirst, ...position, size }));
    });
    return { credentials: inDirection(items), hasMore };

    function inDirection(credentials: readonly Credential[]): readonly Credential[] {
      return isSoughtBackwards ? credentials.toReversed() : credentials;
    }
  }

  /** Counts the whole list. */
  async countCredentials(call: Call, filter: CredentialFilter = {}): Promise<number> {
    authorize(call, 'credentials.read');
    checkFilter(filter);
    const { workspaceId, signal } = call;
    const scoped = keyScopeOfCall(call);
    return this.#parts.store.count({ ...filter, ...scoped, workspaceId, signal, now: this.#parts.clock.now() });
  }

  /** Reads the whole list in chunks, at least one, each by a separate query when it is requested. */
  async *walkCredentials(call: Call, walk: CredentialWalk): AsyncGenerator<readonly Credential[]> {
    const size = limits.listChunk;
    authorize(call, 'credentials.read');
    checkFilter(walk);
    const { signal, workspaceId } = call;
    const filter = filterOf({ ...walk, ...keyScopeOfCall(call) });
    const order = [{ field: 'createdAt', order: walk.order }] as const;
    let after: Position | undefined;
    do {
      const request = { workspaceId, filter, order, after, size, now: this.#parts.clock.now(), signal };
      const { credentials, next } = await this.#parts.store.search(request);
      yield credentials;
      after = next;
    } while (after);
  }

  /** Finds the credentials that were changed last, at most `size`; in a large workspace possibly fewer. */
  async findLastChanged(call: Call, filter: CredentialFilter, size: number): Promise<readonly Credential[]> {
    authorize(call, 'credentials.read');
    checkFilter(filter);
    const { signal, workspaceId } = call;
    const order = [{ field: 'updatedAt', order: 'descending' }] as const;
    const scoped = filterOf({ ...filter, ...keyScopeOfCall(call) });
    const request = {
      workspaceId,
      filter: scoped,
      order,
      after: undefined,
      size,
      now: this.#parts.clock.now(),
      signal,
    };
    return (await this.#parts.store.search(request)).credentials;
  }

  /**
   * The dialect that created a credential of the call's workspace, even if it is deleted. Undefined for an id that is malformed
   * or unknown, and for a credential that the caller may not read.
   */
  async originOf(call: Pick<Call, 'caller' | 'workspaceId' | 'signal'>, id: string): Promise<string | undefined> {
    const { workspaceId, signal } = call;
    const grant = grantOf(call);
    const reference = parseReference('credential', id);
    if (!grant || !reference || !permits(grant, 'credentials.read')) return undefined;
    const credential = await this.#parts.store.find({ workspaceId, reference, deletedToo: true, signal });
    return credential && isVisible(call, credential) ? credential.origin : undefined;
  }

  async #describe(call: Call, id: string, reference: CredentialReference, deletedToo = false): Promise<Credential> {
    const { workspaceId, signal } = call;
    const credential = await this.#parts.store.find({ workspaceId, reference, deletedToo, signal });
    if (!credential || !isShown(call, credential)) throw notFound('credential', id);
    return credential;
  }

  async #list(call: Call, page: CredentialPage): Promise<readonly Credential[]> {
    const { after, before, skip = 0 } = page;
    if (skip > 0 || (after !== undefined && before !== undefined)) return this.#listWithin(call, page);
    if (before === undefined) return this.#search(call, page, await this.#positionOf(call, page, idOf('after', after)));
    const order = page.order === 'ascending' ? 'descending' : 'ascending';
    const position = await this.#positionOf(call, page, idOf('before', before));
    return (await this.#search(call, { ...page, order }, position)).toReversed();
  }

  /** Reads pages, which may end early, until there are as many as requested, or the list ends. */
  async #search(call: Call, page: CredentialPage, start: Position | undefined): Promise<readonly Credential[]> {
    const { order, size, sortBy: field = 'createdAt', after: _after, before: _before, skip: _skip, ...filter } = page;
    const { signal, workspaceId } = call;
    const scoped = filterOf({ ...filter, ...keyScopeOfCall(call) });
    const request = { workspaceId, filter: scoped, order: [{ field, order }], now: this.#parts.clock.now(), signal };
    const found: Credential[] = [];
    let after = start;
    do {
      const { credentials, next } = await this.#parts.store.search({ ...request, after, size: size - found.length });
      found.push(...credentials);
      after = next;
    } while (after && found.length < size);
    return found;
  }

  /** The position of a credential that may have been deleted; one outside of the key's scope would reveal that it exists. */
  async #positionOf(
    call: Call,
    { sortBy = 'createdAt' }: CredentialPage,
    positions: Readonly<Record<string, string>>,
  ): Promise<Position | undefined> {
    const [[field, id] = []] = Object.entries(positions);
    if (field === undefined || id === undefined) return undefined;
    const { signal, workspaceId } = call;
    const found = await this.#parts.store.find({ workspaceId, reference: { id }, deletedToo: true, signal });
    if (!found || !isVisible(call, found)) throw cursorUnknown(field);
    return { values: [found[sortBy]], id };
  }

  /** A page that begins after a number of credentials, or lies between two of them. */
  async #listWithin(call: Call, page: CredentialPage): Promise<readonly Credential[]> {
    const { workspaceId, signal } = call;
    const positions = { ...idOf('after', page.after), ...idOf('before', page.before) };
    const scoped = keyScopeOfCall(call);
    // The position of a credential outside of the key's scope would reveal that it exists.
    if (scoped.keyScope) await this.#checkPositions(call, positions);
    const request = { ...page, ...positions, ...scoped, workspaceId, signal, now: this.#parts.clock.now() };
    const credentials = await this.#parts.store.list(request);
    if (credentials.length === 0) await this.#checkPositions(call, positions);
    return credentials;
  }

  /** An unknown position has no page, so only an empty page needs this check. */
  async #checkPositions(call: Call, positions: Readonly<Record<string, string>>): Promise<void> {
    const { workspaceId, signal } = call;
    for (const [field, id] of Object.entries(positions)) {
      const position = await this.#parts.store.find({ workspaceId, reference: { id }, deletedToo: true, signal });
      if (!position || !isVisible(call, position)) throw cursorUnknown(field);
    }
  }
}

/** Nothing shows what is left of a purged credential. */
function isShown(call: Call, credential: Credential): boolean {
  return credential.purgedAt === null && isVisible(call, credential);
}

/** @throws VaultError `not_found` for a text that is not an id in either form */
export function credentialReferenceOf(id: string): Reference {
  const reference = parseReference('credential', id);
  if (!reference) throw notFound('credential', id);
  return reference;
}

/** @throws VaultError `not_found` for a text that cannot be a name */
export function nameReferenceOf(name: string): CredentialReference {
  if (name.includes('\0')) throw notFound('credential', name);
  return { name };
}

function idOf(field: string, text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) return {};
  const id = parseId(text);
  if (id === undefined) throw cursorUnknown(field);
  return { [field]: id };
}

function cursorUnknown(field: string): VaultError {
  const message = `${field} must name a credential of the workspace`;
  return new VaultError('invalid_argument', message, { field, reason: 'CURSOR_UNKNOWN' });
}

function checkPage(page: CredentialPage): void {
  checkPageSize(page.size, limits.pageSizeOfDialects);
  if (page.skip !== undefined && !(Number.isSafeInteger(page.skip) && page.skip >= 0)) {
    throw invalidArgument('skip', 'is out of range');
  }
  checkFilter(page);
}

/** PostgreSQL rejects U+0000, which no stored text contains. */
function checkFilter(filter: CredentialFilter): void {
  const texts = {
    name: [filter.name],
    search: [filter.search],
    provider: filter.providers,
    auth_type: [...(filter.authTypes ?? []), ...(filter.authTypesExcept ?? [])],
    category: filter.categories,
  };
  for (const [field, values] of Object.entries(texts)) {
    if (values?.some((text) => text?.includes('\0'))) throw invalidArgument(field, 'must not contain U+0000');
  }
}
