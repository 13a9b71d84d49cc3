import { Code, ConnectError } from '@connectrpc/connect';

/** How long a stream lasts that needs no authentication, in milliseconds: 15 minutes. */
export const publicStreamMsDefault = 15 * 60_000;

/** The time that a stream may last. */
export interface StreamTime extends Disposable {
  /** Aborted when the time is over, with the error that the stream then ends with. */
  readonly signal: AbortSignal;
}

/** Begins the time of a stream; its client then opens it again. */
export function beginStreamTime(ms: number): StreamTime {
  const controller = new AbortController();
  const end = (): void =>
    controller.abort(new ConnectError('the stream has lasted as long as it may, open it again', Code.Unavailable));
  const timer = setTimeout(end, ms);
  timer.unref();
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
