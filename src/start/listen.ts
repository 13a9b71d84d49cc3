import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config } from '../config.ts';
import type { Gateway } from '../gateway/gateway.ts';

/** The configured address can't be listened on. */
export class ListenError extends Error {
  constructor(address: Pick<Config, 'host' | 'port'>, problem: string, options: ErrorOptions) {
    super(`COFFER_HOST and COFFER_PORT: can't listen on ${formatAuthority(address)}, ${problem}`, options);
    this.name = 'ListenError';
  }
}

/** The ways in which an address can't be had that an operator can mend. */
const problems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'the port may not be used by this account',
  EADDRNOTAVAIL: 'this machine has no such address',
  EAI_AGAIN: 'the host can not be looked up',
  ENOTFOUND: 'no such host is known',
};

/**
 * Takes the configured address and lets it go again, so that a start which cannot serve changes nothing.
 *
 * @throws ListenError
 */
export async function checkAddress(config: Config): Promise<void> {
  if (config.port === 0) return;
  await inWords(config, async () => {
    const server = createServer();
    try {
      server.listen({ host: config.host, port: config.port, exclusive: true });
      await once(server, 'listening');
    } finally {
      server.close();
    }
  });
}

/**
 * Listens where the configuration says; answers where that is.
 *
 * @throws ListenError
 */
export async function listen(
  server: Gateway,
  config: Config,
): Promise<{ readonly host: string; readonly port: number }> {
  return inWords(config, () => server.listen());
}

async function inWords<Result>(config: Config, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const problem = error instanceof Error && 'code' in error ? problems[String(error.code)] : undefined;
    if (problem === undefined) throw error;
    throw new ListenError(config, problem, { cause: error });
  }
}

/**
 * Formats an address as URLs have it, an IPv6 address in brackets: `[::1]:3978`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
 */
export function formatAuthority({ host, port }: Pick<Config, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
