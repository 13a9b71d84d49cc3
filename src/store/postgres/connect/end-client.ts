import type { Client } from 'pg';

const graceMs = 100;

/** Closes a connection at once, also one whose other end is gone without a word. */
export async function endClient(client: Client): Promise<void> {
  const ended = client.end().catch(() => undefined);
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([ended, late]);
  clearTimeout(timer);
  client.connection.stream.destroy();
}
