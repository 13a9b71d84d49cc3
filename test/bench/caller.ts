/** One connection of the load: it has one call in flight at a time, as a client without pipelining. */
export interface Caller {
  /**
   * Makes one call; each has a number of its own in the whole run, so that names are unique.
   *
   * @returns the answer's text or bytes
   * @throws Error where the answer is no success: a benchmark of failures means nothing
   */
  call(number: number): Promise<Buffer>;
  close(): void;
}

/** How long a call may take, in milliseconds. */
export const callTimeoutMs = 10_000;
