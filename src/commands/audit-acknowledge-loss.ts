import type { Config } from '../config/config.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { describeLoss, lostEventCount } from '../vault/audit/trail-loss.ts';
import { openVault } from './open-vault.ts';

/**
 * Acknowledges that the database has lost committed events of the audit trail. The ledger of the trail and an event then
 * name the losses, and the trail verifies and can be pruned again. A server may be running.
 *
 * @returns the exit code
 * @throws NoVaultError where there is no vault
 */
export async function auditAcknowledgeLoss(config: Config, stopping: StopRequests): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const { instance } = await openVault(config, stack, stopping);
  const losses = await instance.stores.trailLosses.acknowledge();
  for (const loss of losses) process.stdout.write(`the loss of ${describeLoss(loss)} is acknowledged\n`);
  const total = losses.reduce((sum, loss) => sum + lostEventCount(loss), 0);
  process.stdout.write(`${total} lost events are acknowledged in all in instance ${instance.keyring.instanceId}\n`);
  return 0;
}
