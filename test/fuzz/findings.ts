import { Code } from '@connectrpc/connect';
import type { HostileAnswer } from '../hostile/senders.ts';
import type { RandomRequest } from './random-requests.ts';

/** What was found out about the answers. */
export interface Findings {
  /** How many there were, by protocol and status. */
  readonly counts: ReadonlyMap<string, number>;
  /** Those that no request may get, the first few. */
  readonly broken: readonly string[];
  add(number: number, sent: RandomRequest, answer: HostileAnswer): void;
  /** A request that was not answered. */
  addUnanswered(number: number, sent: RandomRequest, why: unknown): void;
}

const brokenMax = 20;
const quotedMax = 300;

/** Faults of the server, as gRPC tells them; its UNAVAILABLE is the 503 that any request may get. */
const faultsOfServer: ReadonlySet<number> = new Set([Code.Unknown, Code.Internal, Code.DataLoss]);

export function createFindings(): Findings {
  const counts = new Map<string, number>();
  const broken: string[] = [];
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const note = (number: number, { title, request }: RandomRequest, what: string): void => {
    if (broken.length >= brokenMax) return;
    const { method, path, body = '' } = request;
    const sent = `${method} ${path.slice(0, quotedMax)} ${JSON.stringify(body.toString('latin1').slice(0, quotedMax))}`;
    broken.push(`request ${number} (${title})\n    ${sent}\n    ${what.slice(0, quotedMax)}`);
  };
  return {
    counts,
    broken,
    add(number, sent, { status, grpcStatus, text }) {
      const isBroken = grpcStatus === undefined ? isFault(status, sent) : faultsOfServer.has(Number(grpcStatus));
      count(grpcStatus === undefined ? `HTTP ${status}` : `gRPC ${Code[Number(grpcStatus)] ?? 'OK'}`);
      if (isBroken) note(number, sent, `${status} ${grpcStatus ?? ''} ${text}`);
    },
    addUnanswered(number, sent, why) {
      count('no answer');
      note(number, sent, why instanceof Error ? why.message : String(why));
    },
  };
}

/** A stream ends by its own deadline. */
function isFault(status: number, { isStream }: RandomRequest): boolean {
  return status >= 500 && status !== 503 && !(isStream && status === 504);
}
