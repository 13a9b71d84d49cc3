import { ambiguousIdsMax, type CredentialMatch, type FoundMatches } from '../../vault/credentials/decision-ports.ts';
import { revokedIds } from '../identity/revocation.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { parameterOf } from '../postgres/statements/parameters.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import type { CredentialGuard, SignedRow } from './credential-guard.ts';
import { sealedVersionOf, type SealedRow } from './credential-row.ts';
import { findingOf, type SignedFinding } from './signed-finding.ts';
import { sealedList, signedList, versionColumns } from './credential-statements.ts';

/*
 * Hand-written: a resolve is made of one of these statements, and as fast as a reveal (docs/performance.md, "Where the time
 * goes"; `npm run bench -- --only scale`, resolve).
 */

/** A search for the credential that a resolve means. */
export interface WantedMatch {
  readonly workspaceId: string;
  readonly match: CredentialMatch;
  /** The number of the one who asks. */
  readonly index: number;
}

/** What a search found. */
export interface MatchFinding {
  readonly index: number;
  /** The credential that is meant; undefined if none matches, or several. */
  readonly found: SignedFinding | undefined;
  readonly matches: FoundMatches;
}

/** What matches, with the revoked ones of the keys and sessions that were asked about. */
export interface FoundByMatch {
  readonly findings: readonly MatchFinding[];
  readonly revoked: readonly string[];
}

type MatchRow = { readonly [Property in keyof SignedRow]: SignedRow[Property] | null } & SealedRow & {
    readonly index: number;
    readonly workspaceExists: boolean;
    readonly activeIds: readonly string[];
    readonly revokedIds: readonly string[] | null;
  };

/**
 * What an index finds candidates by; the rest is compared row by row. As ranges of one in the order of the index, so that the
 * planner takes no other (decision 14).
 */
const ways = {
  name: {
    choice: 'c.name >= p.name and c.name <= p.name and (p.provider is null or c.provider = p.provider)',
    order: 'order by c.name, c.id',
  },
  subject: {
    choice: 'c.subject >= p.subject and c.subject <= p.subject and (p.name is null or c.name = p.name)',
    order: 'order by c.subject, c.provider',
  },
  subjectAndProvider: {
    choice: 'c.subject = p.subject and c.provider = p.provider and (p.name is null or c.name = p.name)',
    order: 'order by c.subject, c.provider',
  },
} as const;

type Way = keyof typeof ways;

/** As `isWithin` of the vault has it; null where the scope has no such list. */
const isInScope = `
          and (p.providers is null or c.provider = any (p.providers::text[]))
          and (p.tags is null or c.tags && p.tags::text[])
          and (p.ids is null or c.id = any (p.ids::uuid[]))
          and (p.subjects is null or c.subject = any (p.subjects::text[]))`;

/** As `stateOf` of the vault has it, of those that are not deleted. */
const isActive = '(c.is_active and (c.expires_at is null or c.expires_at > p.now))';

/**
 * Finds what matches at one moment: the ids of the active ones, and the row of the only one with its current sealed version. If
 * none is active, it finds one of the others. Each search has a row, also if nothing matches.
 *
 * @param checkedIds of API keys and sessions; those that were revoked are returned with every row
 */
export function findMatches(way: Way, wanted: readonly WantedMatch[], checkedIds: readonly string[]): Statement {
  const { choice, order } = ways[way];
  const matching = `c.workspace_id = p.workspace_id and c.deleted_at is null and ${choice}${isInScope}`;
  return {
    name: `credentials matching ${way}`,
    text: `
      select p.index, m.ids as "activeIds", ${signedList}, ${sealedList}, ${revokedIds('$12')} as "revokedIds",
        (select w.deleted_at is null from workspace w where w.id = p.workspace_id) is true as "workspaceExists"
      from unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[]) as p (workspace_id, index, now, name, provider, subject, providers, tags, ids, subjects)
      cross join lateral (
        select array(
          select c.id from credential c where ${matching} and ${isActive} ${order} limit $11
        ) as ids offset 0
      ) m
      cross join lateral (
        select case cardinality(m.ids)
          when 1 then m.ids[1]
          when 0 then (select c.id from credential c where ${matching} and not ${isActive} ${order} limit 1)
        end as id offset 0
      ) o
      left join lateral (
        select c.*, ${versionColumns} from credential c left join credential_version v
          on v.workspace_id = c.workspace_id and v.credential_id = c.id and v.version = c.current_version
        where c.workspace_id = p.workspace_id and c.id = o.id offset 0
      ) f on true`,
    values: [
      wanted.map(({ workspaceId }) => workspaceId),
      wanted.map(({ index }) => index),
      wanted.map(({ match }) => match.now),
      wanted.map(({ match }) => match.name),
      wanted.map(({ match }) => match.provider),
      wanted.map(({ match }) => match.subject),
      wanted.map(({ match }) => listOf(match.keyScope?.providers)),
      wanted.map(({ match }) => listOf(match.keyScope?.tags)),
      wanted.map(({ match }) => listOf(match.keyScope?.credentialIds)),
      wanted.map(({ match }) => listOf(match.keyScope?.subjects)),
      ambiguousIdsMax,
      checkedIds,
    ],
  };
}

/** Makes all searches, by one statement for each index that they need. */
export async function findByMatch(
  transaction: Transaction,
  { wanted, checkedIds, guard }: ByMatchRequest,
): Promise<FoundByMatch> {
  const byWay = Map.groupBy(wanted, ({ match }) => wayOf(match));
  const found = await Promise.all(
    [...byWay].map(([way, some]) => transaction.run<MatchRow>(findMatches(way, some, checkedIds))),
  );
  const rows = found.flat();
  return { findings: rows.map((row) => findingOfRow(guard, row)), revoked: rows[0]?.revokedIds ?? [] };
}

interface ByMatchRequest {
  readonly wanted: readonly WantedMatch[];
  readonly checkedIds: readonly string[];
  readonly guard: CredentialGuard;
}

function wayOf({ provider, subject }: CredentialMatch): Way {
  if (subject === undefined) return 'name';
  return provider === undefined ? 'subject' : 'subjectAndProvider';
}

function findingOfRow(guard: CredentialGuard, row: MatchRow): MatchFinding {
  const { index, activeIds, workspaceExists } = row;
  return {
    index,
    matches: { activeIds, workspaceExists },
    found: isFound(row) ? findingOf(guard, row, sealedVersionOf(row)) : undefined,
  };
}

function isFound(row: MatchRow): row is MatchRow & SignedRow {
  return row.workspaceId !== null;
}

/** `unnest` would flatten arrays of arrays, so each list is the text of an array. An empty list does not limit. */
function listOf(texts: readonly string[] | undefined): unknown {
  return texts === undefined || texts.length === 0 ? null : parameterOf(texts);
}
