import { Code, ConnectError } from '@connectrpc/connect';
import { shuttingDown } from '../errors/connect-errors.ts';

/** A call that is in flight. */
export interface OpenCall {
  /** Aborted when the call is given up: its time is over, its client has gone away, or the server stops. */
  readonly signal: AbortSignal;
  /** The client has gone away. */
  readonly leave: () => void;
  /** Nothing of the call is left. */
  readonly end: () => void;
}

/** The calls in flight of one kind. */
export class OpenCalls {
  readonly #controllers = new Set<AbortController>();

  /** @param timeoutMs from now; Infinity is without a deadline */
  begin(timeoutMs: number): OpenCall {
    const controller = new AbortController();
    const expire = (): void => controller.abort(new ConnectError('the deadline has passed', Code.DeadlineExceeded));
    const timer = Number.isFinite(timeoutMs) ? setTimeout(expire, timeoutMs) : undefined;
    this.#controllers.add(controller);
    return {
      signal: controller.signal,
      leave: () => controller.abort(new ConnectError('the client went away', Code.Canceled)),
      end: () => {
        clearTimeout(timer);
        this.#controllers.delete(controller);
      },
    };
  }

  /** Gives up all of them, since the server stops. */
  abort(): void {
    for (const controller of this.#controllers) controller.abort(shuttingDown());
  }
}
