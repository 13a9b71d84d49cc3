import type { Credential } from '../../vault/credentials/credential.ts';
import { VaultError } from '../../vault/errors.ts';
import { shortIdOf } from '../../vault/ids.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { keyOf } from './credential-row.ts';

/*
 * Hand-written: every create looks up what it claims in the round trip of the group that it shares a commit with
 * (docs/performance.md, `npm run bench -- --only rest`, create).
 */

/** What a write takes that only one credential of a workspace can have. */
export interface Claim {
  readonly workspaceId: string;
  readonly id: string;
  /** Whether it takes the id, and with it the short id. */
  readonly isNew: boolean;
  /** The exclusive name that it takes; undefined where it takes none. */
  readonly name: string | undefined;
}

/** What other credentials have of what is claimed. */
export interface Taken {
  /** By `keyOf`; those whose short id is taken, too. */
  readonly ids: ReadonlySet<string>;
  /** By `nameKeyOf`. */
  readonly names: ReadonlySet<string>;
}

/** An exclusive name in its workspace. */
export type NamePlace = Pick<Credential, 'workspaceId' | 'name'>;

/** Distinguishes an exclusive name from those of all workspaces. */
export function nameKeyOf({ workspaceId, name }: NamePlace): string {
  return `${workspaceId}/${name}`;
}

/** The refusal of a credential whose id, or short id, another one has. */
export function idTaken({ workspaceId, id }: Pick<Credential, 'workspaceId' | 'id'>): VaultError {
  return new VaultError('id_taken', 'a credential of this id exists', {
    resource: 'credential',
    id,
    workspace: workspaceId,
  });
}

/** The refusal of a credential whose exclusive name another one has. */
export function nameTaken({ workspaceId, name }: NamePlace): VaultError {
  return new VaultError('name_taken', 'a credential of this name exists', {
    resource: 'credential',
    id: name,
    workspace: workspaceId,
  });
}

/** Finds what is taken of all that is claimed, in one round trip. */
export async function findTaken(transaction: Transaction, claims: readonly Claim[]): Promise<Taken> {
  const isNaming = (claim: Claim): claim is Claim & { readonly name: string } => claim.name !== undefined;
  const [ids, names] = await Promise.all([
    transaction.run<Pick<Credential, 'workspaceId' | 'id'>>(findTakenIds(claims.filter(({ isNew }) => isNew))),
    transaction.run<NamePlace>(findTakenNames(claims.filter(isNaming))),
  ]);
  return { ids: new Set(ids.map(keyOf)), names: new Set(names.map(nameKeyOf)) };
}

/** Of exclusive names those that a credential has, deleted ones aside. */
export function findTakenNames(places: readonly NamePlace[]): Statement {
  return {
    name: 'taken names',
    text: `
      select p.workspace_id as "workspaceId", p.name
      from unnest($1::uuid[], $2::text[]) as p (workspace_id, name)
      cross join lateral (
        select from credential c
        where c.workspace_id = p.workspace_id and c.exclusive_name >= p.name and c.exclusive_name <= p.name
          and c.deleted_at is null
        order by c.exclusive_name limit 1
      ) f`,
    values: [places.map(({ workspaceId }) => workspaceId), places.map(({ name }) => name)],
  };
}

/** Of ids those that a credential has, or whose short id one has, deleted ones too. */
export function findTakenIds(places: readonly Pick<Credential, 'workspaceId' | 'id'>[]): Statement {
  return {
    name: 'taken ids',
    text: `
      select p.workspace_id as "workspaceId", p.id
      from unnest($1::uuid[], $2::uuid[], $3::bpchar[]) as p (workspace_id, id, short_id)
      where ${exists('c.id = p.id offset 0')}
        or ${exists('c.short_id >= p.short_id and c.short_id <= p.short_id order by c.short_id limit 1')}`,
    values: [
      places.map(({ workspaceId }) => workspaceId),
      places.map(({ id }) => id),
      places.map(({ id }) => shortIdOf(id)),
    ],
  };
}

/** By a value, so that it is looked up by the index, one place after the other. */
function exists(condition: string): string {
  return `(select true from credential c where c.workspace_id = p.workspace_id and ${condition}) is true`;
}
