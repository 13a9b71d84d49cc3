import { pino } from 'pino';
import type { Config } from '../config/config.ts';
import { SystemClock } from '../vault/time.ts';
import { openInstance } from '../start/instance.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { describeLoss, lostEventCount } from '../vault/audit/trail-loss.ts';
import { connectToDatabase } from './connect-to-database.ts';

/**
 * Acknowledges that the database has lost committed events of the audit trail: the ledger of the trail and an event name
 * them, after which the trail verifies, and can be pruned. A server may be running.
 *
 * @returns the exit code
 * @throws NoVaultError where there is no vault
 */
export async function auditAcknowledgeLoss(config: Config, stopping: StopRequests): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const connection = await connectToDatabase(config, stack, stopping);
  const { instanceId, stores } = await openInstance(
    { config, connection, clock: new SystemClock(), log: pino({ level: 'silent' }), mayBegin: false },
    stack,
  );
  const losses = await stores.trailLosses.acknowledge();
  for (const loss of losses) process.stdout.write(`the loss of ${describeLoss(loss)} is acknowledged\n`);
  const total = losses.reduce((sum, loss) => sum + lostEventCount(loss), 0);
  process.stdout.write(`${total} lost events are acknowledged in all in instance ${instanceId}\n`);
  return 0;
}
