import { once } from 'node:events';
import { createServer, isIP } from 'node:net';
import type { Config, ManagementConfig } from '../config/config.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { Management } from '../gateway/system/management.ts';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** An address with the names of its settings. */
interface ConfiguredAddress extends Address {
  readonly settings: string;
}

/** Listening on the configured address failed. */
export class ListenError extends Error {
  constructor({ settings, ...address }: ConfiguredAddress, problem: string, options: ErrorOptions) {
    super(`${settings}: cannot listen${describeAddress(address)}, ${problem}`, options);
    this.name = 'ListenError';
  }
}

/** A host that is not an address is omitted, because the value may be something else by mistake, such as a key. */
function describeAddress(address: Address): string {
  return isIP(address.host) === 0 ? '' : ` on ${formatAuthority(address)}`;
}

/** Explanations of errors that an operator can fix. */
const problems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'the port may not be used by this account',
  EADDRNOTAVAIL: 'this machine has no such address',
  EAI_AGAIN: 'the host can not be looked up',
  ENOTFOUND: 'no such host is known',
};

/**
 * Listens briefly on the configured addresses, so that a start that cannot serve changes nothing.
 *
 * @throws ListenError
 */
export async function checkAddresses(config: Config): Promise<void> {
  await checkAddress(mainAddress(config));
  if (config.management) await checkAddress(managementAddress(config.management));
}

async function checkAddress(address: ConfiguredAddress): Promise<void> {
  const { host, port } = address;
  if (port === 0) return;
  await explaining(address, async () => {
    const server = createServer();
    try {
      server.listen({ host, port, exclusive: true });
      await once(server, 'listening');
    } finally {
      server.close();
    }
  });
}

/**
 * Listens on the configured address, and returns the actual one.
 *
 * @throws ListenError
 */
export async function listen(server: Pick<Gateway, 'listen'>, config: Config): Promise<Address> {
  return explaining(mainAddress(config), () => server.listen());
}

/**
 * Starts the management listener on its configured address, and returns the actual one.
 *
 * @throws ListenError
 */
export async function listenForManagement(management: Management, config: ManagementConfig): Promise<Address> {
  return explaining(managementAddress(config), () => management.listen());
}

function mainAddress({ host, port }: Config): ConfiguredAddress {
  return { host, port, settings: 'COFFER_HOST and COFFER_PORT' };
}

function managementAddress({ host, port }: ManagementConfig): ConfiguredAddress {
  return { host, port, settings: 'COFFER_MANAGEMENT_HOST and COFFER_MANAGEMENT_PORT' };
}

async function explaining<Result>(address: ConfiguredAddress, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'syscall' in error)) throw error;
    const code = String(error.code);
    throw new ListenError(address, problems[code] ?? `which fails with ${code}`, { cause: error });
  }
}

/**
 * Formats an address as URLs have it, an IPv6 address in brackets: `[::1]:3978`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
 */
export function formatAuthority({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
