import type { Logger } from 'pino';
import { spellHead, type StreamHead } from '../vault/audit/audit-chain.ts';

const everyMs = 60_000;

/**
 * Tells the log each minute, and when it is stopped, how far the audit trail has come: kept where nobody who writes to the
 * database reaches, that line shows a tail that is cut off later.
 *
 * @returns stops it, with the last line
 */
export function logHeads(head: () => StreamHead | undefined, log: Pick<Logger, 'info'>): () => void {
  let told: number | undefined;
  const tell = () => {
    const last = head();
    if (!last || last.sequence === told) return;
    told = last.sequence;
    log.info({ stream: last.stream, head: spellHead(last) }, 'the head of the audit trail');
  };
  const timer = setInterval(tell, everyMs);
  return () => {
    clearInterval(timer);
    tell();
  };
}
