import { notFound } from '../../vault/errors.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { shareWorkspace } from './workspace-statements.ts';

/**
 * Sees to it that a workspace is there until the transaction ends: nothing may be granted in one that is being deleted.
 *
 * @throws VaultError `not_found`
 */
export async function requireWorkspace(transaction: Transaction, id: string): Promise<void> {
  if ((await transaction.run(shareWorkspace(id))).length === 0) throw notFound('workspace', id);
}
