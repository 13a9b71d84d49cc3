import { authorize, type Call, grantOf, isVisible, keyScopeOfCall } from '../caller.ts';
import type { Credential } from './credential.ts';
import { invalidArgument, notFound, VaultError } from '../errors.ts';
import { parseId, parseReference, type Reference } from '../ids.ts';
import { checkPageSize, fillPage } from '../page.ts';
import { limits } from '../limits.ts';
import { permits } from '../permissions.ts';
import type { Clock } from '../time.ts';
import type { CredentialFilter, CredentialReference, CredentialStore, PageRequest } from './ports.ts';

/** What showing metadata works with. */
export interface CredentialReaderParts {
  readonly store: CredentialStore;
  readonly clock: Clock;
}

/** A page of a list; see `PageRequest` for its members. */
export type CredentialPage = Omit<PageRequest, 'workspaceId' | 'signal' | 'now' | 'deletedToo'>;

/** A whole list in the order of creation, or the other way round. */
export type CredentialWalk = CredentialFilter & Pick<CredentialPage, 'order'>;

/**
 * Shows the metadata of credentials, whatever their state, and never a secret. Each method first authorizes the call in
 * its workspace; ids may be in either spelling, and one that is malformed, unknown, deleted or of another workspace is
 * `not_found`.
 */
export class CredentialReader {
  readonly #parts: CredentialReaderParts;

  constructor(parts: CredentialReaderParts) {
    this.#parts = parts;
  }

  /** @throws VaultError `not_found` */
  async describeCredential(call: Call, id: string): Promise<Credential> {
    authorize(call, 'credentials.read');
    return this.#describe(call, id, credentialReferenceOf(id));
  }

  /**
   * Shows the credential to which the name belongs exclusively, else the oldest of that name.
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
   * @throws VaultError `invalid_argument` for a size out of 1..`limits.pageSizeOfDialects`, a text that can not be stored,
   *   and, with the reason `CURSOR_UNKNOWN`, for an `after` or `before` that no credential of the workspace ever had
   */
  async listCredentials(call: Call, page: CredentialPage): Promise<readonly Credential[]> {
    authorize(call, 'credentials.read');
    checkPage(page);
    return this.#list(call, page);
  }

  /**
   * As `listCredentials`; answers also whether the list goes on, in the direction that the page was sought in. A page ends early
   * where it would have more than `limits.listBytes`.
   */
  async pageCredentials(
    call: Call,
    page: CredentialPage,
  ): Promise<{ readonly credentials: readonly Credential[]; readonly hasMore: boolean }> {
    authorize(call, 'credentials.read');
    checkPage(page);
    const isSoughtBackwards = page.before !== undefined && page.after === undefined;
    const { skip: _skip, ...behindFirst } = page;
    const { items, hasMore } = await fillPage(page.size, async ({ size, behind }) => {
      if (behind === undefined) return inDirection(await this.#list(call, { ...page, size }));
      const place = isSoughtBackwards ? { before: behind } : { after: behind };
      return inDirection(await this.#list(call, { ...behindFirst, ...place, size }));
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

  /** Walks the whole list in chunks, at least one, each read when it is asked for and by a query of its own. */
  async *walkCredentials(call: Call, walk: CredentialWalk): AsyncGenerator<readonly Credential[]> {
    const size = limits.listChunk;
    let after: string | undefined;
    for (;;) {
      const chunk = await this.listCredentials(call, { ...walk, size, ...(after !== undefined && { after }) });
      yield chunk;
      after = chunk.at(-1)?.id;
      if (chunk.length < size) return;
    }
  }

  /**
   * The dialect that created a credential of the call's workspace, also when it has been deleted. What is malformed,
   * unknown or may not be read is undefined.
   */
  async originOf(call: Pick<Call, 'caller' | 'workspaceId' | 'signal'>, id: string): Promise<string | undefined> {
    const { workspaceId, signal } = call;
    const grant = grantOf(call);
    const reference = parseReference('credential', id);
    if (!grant || !reference || !permits(grant, 'credentials.read')) return undefined;
    const credential = await this.#parts.store.find({ workspaceId, reference, deletedToo: true, signal });
    return credential && isVisible(call, credential) ? credential.origin : undefined;
  }

  async #describe(call: Call, id: string, reference: CredentialReference): Promise<Credential> {
    const { workspaceId, signal } = call;
    const credential = await this.#parts.store.find({ workspaceId, reference, signal });
    if (!credential || !isVisible(call, credential)) throw notFound('credential', id);
    return credential;
  }

  async #list(call: Call, page: CredentialPage): Promise<readonly Credential[]> {
    const { workspaceId, signal } = call;
    const places = { ...idOf('after', page.after), ...idOf('before', page.before) };
    const scoped = keyScopeOfCall(call);
    // Behind which of them a credential comes would tell of those that the key is not for.
    if (scoped.keyScope) await this.#checkPlaces(call, places);
    const request = { ...page, ...places, ...scoped, workspaceId, signal, now: this.#parts.clock.now() };
    const credentials = await this.#parts.store.list(request);
    if (credentials.length === 0) await this.#checkPlaces(call, places);
    return credentials;
  }

  /** Nothing follows an unknown place, so that only an empty page needs the check. */
  async #checkPlaces(call: Call, places: Readonly<Record<string, string>>): Promise<void> {
    const { workspaceId, signal } = call;
    for (const [field, id] of Object.entries(places)) {
      const place = await this.#parts.store.find({ workspaceId, reference: { id }, deletedToo: true, signal });
      if (!place || !isVisible(call, place)) throw cursorUnknown(field);
    }
  }
}

/** @throws VaultError `not_found` for what is no id in either spelling */
export function credentialReferenceOf(id: string): Reference {
  const reference = parseReference('credential', id);
  if (!reference) throw notFound('credential', id);
  return reference;
}

/** @throws VaultError `not_found` for what no credential can be named */
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

/** PostgreSQL can't take U+0000, and no credential has it. */
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
