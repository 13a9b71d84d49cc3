import { setTimeout as delay } from 'node:timers/promises';
import { UnavailableError } from '../../errors/errors.ts';
import type { CredentialEvent, WatchCredentialsResponse } from '../../gen/coffer/v1/event_service_pb.ts';
import type { Session } from '../context/context.ts';

/** What is watched. */
export interface WatchQuery {
  /** The token of an earlier message; from now on if empty. */
  readonly resumeToken: string;
  readonly includeReveals: boolean;
  /** Is called when the connection is lost and will be made again. */
  readonly onLost: (reason: string) => void;
}

/** A change, with the token of the stream after it. */
export interface Change {
  readonly event: CredentialEvent;
  readonly resumeToken: string;
}

const firstDelayMs = 500;
const delayMsMax = 30_000;
/** The server sends something every 15 s. */
const silenceMsMax = 45_000;

/**
 * Follows the changes of a workspace. A connection that is lost is made again, and continues after the last message.
 *
 * @throws CofferError if the server refuses, and if it cannot be reached at first
 */
export async function* followChanges(session: Session, query: WatchQuery): AsyncGenerator<Change> {
  let { resumeToken } = query;
  let delayMs = 0;
  for (;;) {
    try {
      for await (const message of openStream(session, { ...query, resumeToken })) {
        delayMs = firstDelayMs;
        resumeToken = message.resumeToken;
        if (message.event !== undefined) yield { event: message.event, resumeToken };
      }
    } catch (error) {
      if (!(error instanceof UnavailableError) || delayMs === 0) throw error;
      query.onLost(error.message);
    }
    await delay(delayMs);
    delayMs = Math.min(2 * delayMs, delayMsMax);
  }
}

/** One connection. It fails if nothing arrives for too long, as after a failure of the network. */
async function* openStream(
  { coffer, workspaceId }: Session,
  { resumeToken, includeReveals }: WatchQuery,
): AsyncGenerator<WatchCredentialsResponse> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), silenceMsMax);
  try {
    const request = { workspaceId, resumeToken, includeReveals };
    for await (const message of coffer.events.watchCredentials(request, { signal: silence.signal })) {
      timer.refresh();
      yield message;
    }
  } catch (error) {
    if (!silence.signal.aborted) throw error;
    throw new UnavailableError(`nothing has arrived for ${silenceMsMax / 1_000} s`, { code: 'unavailable' });
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}
