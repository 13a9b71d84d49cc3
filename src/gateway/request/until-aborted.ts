/**
 * Passes on what a source gives, no longer than until the signal is aborted, whether the source listens to it or not.
 *
 * @throws Error once the signal is aborted
 */
export async function* untilAborted<Item>(signal: AbortSignal, source: AsyncIterable<Item>): AsyncGenerator<Item> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextOf(iterator, signal);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // It may never come to its end: nothing waits for that.
    iterator.return?.().catch(() => undefined);
  }
}

async function nextOf<Item>(iterator: AsyncIterator<Item>, signal: AbortSignal): Promise<IteratorResult<Item>> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Error('the stream was given up', { cause: signal.reason }));
    signal.addEventListener('abort', onAbort, { once: true });
    iterator
      .next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}
