import { Code, ConnectError } from '@connectrpc/connect';

/** The longest duration of a stream that requires no authentication, in milliseconds: 15 minutes. */
export const publicStreamMsDefault = 15 * 60_000;

/** The time limit of a stream. */
export interface StreamTime extends Disposable {
  /** Aborted when the time is over, with the error of the stream. */
  readonly signal: AbortSignal;
}

/** Starts the time limit of a stream, after which its client has to open it again. */
export function limitStreamTime(ms: number): StreamTime {
  const controller = new AbortController();
  const end = (): void =>
    controller.abort(new ConnectError('the stream has reached its time limit, open it again', Code.Unavailable));
  const timer = setTimeout(end, ms);
  timer.unref();
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
