import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { AuditStore } from '../../vault/audit/ports.ts';
import type { Commits } from '../commits/commits.ts';

/** What such an event changes: of no workspace anything. As a decision it shares the commit of others. */
const nothing = { workspaceId: '00000000-0000-0000-0000-000000000000', signal: new AbortController().signal };

/** Events that stand alone. All others are written in the transaction of what they tell. */
export class SqlAuditStore implements AuditStore {
  readonly #commits: Commits;

  constructor(commits: Commits) {
    this.#commits = commits;
  }

  async append(event: AuditEvent): Promise<void> {
    await this.#commits.decide(nothing, () => ({ event, answer: undefined }));
  }
}
