import { AbsentCredentialError, CommandError } from '../errors/command-error.ts';
import type { Session } from '../context/context.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { printable } from '../output/terminal-text.ts';
import type { Credential } from '../../gen/coffer/v1/credential_pb.ts';
import { isCredentialId, quoteForFilter } from './credential-query.ts';
import { listCredentials } from './list-credentials.ts';

/** One more than are named in a message about an ambiguous name. */
const matchesMax = 11;

/**
 * Finds a credential by its id or its name.
 *
 * @throws CommandError if there is none, and if several have the name
 */
export async function findCredential(session: Session, reference: string): Promise<Credential> {
  return (await findCredentialIfPresent(session, reference)) ?? raiseAbsent(reference);
}

/** The same; undefined if no credential has the name. For an id, that is an error of the server. */
export async function findCredentialIfPresent(session: Session, reference: string): Promise<Credential | undefined> {
  if (isCredentialId(reference)) return getCredential(session, reference, false);
  const filter = `name = ${quoteForFilter(reference)}`;
  return onlyOne(await listCredentials(session, { filter, limit: matchesMax }), reference);
}

/** Finds a deleted credential that can be restored. */
export async function findDeletedCredential(session: Session, reference: string): Promise<Credential> {
  if (isCredentialId(reference)) return getCredential(session, reference, true);
  const filter = `name = ${quoteForFilter(reference)} AND state = DELETED`;
  const matches = await listCredentials(session, { filter, showDeleted: true, limit: matchesMax });
  return onlyOne(matches, reference) ?? raiseAbsent(reference);
}

async function getCredential(
  { coffer, workspaceId }: Session,
  credentialId: string,
  showDeleted: boolean,
): Promise<Credential> {
  const { credential } = await coffer.credentials.getCredential({ workspaceId, credentialId, showDeleted });
  return credential ?? raiseAbsent(credentialId);
}

function onlyOne(matches: readonly Credential[], name: string): Credential | undefined {
  if (matches.length < 2) return matches[0];
  const ids = matches.slice(0, matchesMax - 1).map(({ shortId }) => shortId);
  const list = ids.join(', ') + (matches.length === matchesMax ? ', …' : '');
  throw new CommandError(exitCodes.error, `several credentials are named ${printable(name)}; use an id: ${list}`);
}

function raiseAbsent(reference: string): never {
  throw new AbsentCredentialError(reference);
}
