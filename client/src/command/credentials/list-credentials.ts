import type { Session } from '../context/context.ts';
import type { Progress } from '../output/progress.ts';
import type { Credential } from '../../gen/coffer/v1/credential_pb.ts';

/** The most that a page has. */
const pageSizeMax = 1_000;

/** What is listed. */
export interface CredentialQuery {
  readonly filter?: string | undefined;
  readonly orderBy?: string | undefined;
  readonly showDeleted?: boolean | undefined;
  /** At most this many are listed; all by default. */
  readonly limit?: number | undefined;
}

/** Lists the credentials of a workspace, page by page. */
export async function listCredentials(
  { coffer, workspaceId }: Session,
  { filter = '', orderBy = '', showDeleted = false, limit = Number.POSITIVE_INFINITY }: CredentialQuery,
  progress?: Progress,
): Promise<readonly Credential[]> {
  const listed: Credential[] = [];
  let pageToken = '';
  do {
    const pageSize = Math.min(pageSizeMax, limit - listed.length);
    const query = { workspaceId, filter, orderBy, showDeleted, pageSize, pageToken };
    const page = await coffer.credentials.listCredentials(query);
    listed.push(...page.credentials);
    pageToken = page.nextPageToken;
    progress?.show(`${listed.length.toLocaleString('en')} credentials`);
  } while (pageToken !== '' && listed.length < limit);
  return listed;
}
