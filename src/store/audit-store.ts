import type { AuditEvent } from '../vault/audit-event.ts';
import type { AuditStore } from '../vault/ports.ts';
import type { Commits } from './commits.ts';

/** Events that stand alone. All others are written in the transaction of what they tell. */
export class SqlAuditStore implements AuditStore {
  readonly #commits: Commits;

  constructor(commits: Commits) {
    this.#commits = commits;
  }

  async append(event: AuditEvent): Promise<void> {
    await this.#commits.run({}, async () => ({ answer: undefined, events: [event] }));
  }
}
