import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { MasterKeyConfig } from '../../config/config.ts';
import { parseMasterKey } from '../../encryption/master-key.ts';
import type { MasterKeySource } from '../../encryption/open-keyring.ts';
import { MasterKeyUnavailableError, type KeyedVault, type MasterKeyOrigin } from './master-key-origin.ts';
import { TransitClient, TransitRefusal, TransitUnreachable } from './transit-client.ts';

/** How long to wait for a transit server that is not reachable yet. */
export interface TransitWait {
  readonly waitMs: number;
  readonly log: Pick<Logger, 'warn'>;
  readonly signal?: AbortSignal | undefined;
}

const name = 'COFFER_TRANSIT_URL';
const pauseMs = 500;
const reportEveryMs = 5_000;

/**
 * Keeps the master key wrapped in the database, under a key that never leaves the transit engine of OpenBao or Vault. The first
 * start makes the master key and has it wrapped; each start has it unwrapped.
 *
 * @see https://openbao.org/api-docs/secret/transit/
 */
export function transitOrigin(
  settings: Extract<MasterKeyConfig, { kind: 'transit' }>,
  wait: TransitWait,
): MasterKeyOrigin {
  const client = new TransitClient(settings);
  return {
    name,
    async obtain(vault) {
      if (vault.keyring) return unwrap(client, vault.keyring, wait);
      await requireEmpty(vault);
      return make(client, wait);
    },
  };
}

async function requireEmpty({ holdsData }: KeyedVault): Promise<void> {
  if (await holdsData()) {
    throw new MasterKeyUnavailableError(name, 'wraps the key in the keyring, which is missing although data exist');
  }
}

async function make(client: TransitClient, wait: TransitWait): Promise<MasterKeySource> {
  const key = randomBytes(32);
  const wrapped = await patiently(() => client.encrypt(key.toString('base64')), wait);
  return { kind: 'key', key, wrapped };
}

async function unwrap(
  client: TransitClient,
  { masterFingerprint, wrappedMaster }: NonNullable<KeyedVault['keyring']>,
  wait: TransitWait,
): Promise<MasterKeySource> {
  if (wrappedMaster === null) {
    const problem = `has not wrapped the master key of this vault: give the key ${masterFingerprint} itself`;
    throw new MasterKeyUnavailableError(name, problem);
  }
  const key = parseMasterKey(await patiently(() => client.decrypt(wrappedMaster), wait));
  if (!key) throw new MasterKeyUnavailableError(name, 'unwrapped something that is not 32 bytes');
  return { kind: 'key', key, wrapped: wrappedMaster };
}

/** Retries while the server is unreachable, sealed or overloaded; a refusal is final. */
async function patiently(ask: () => Promise<string>, { log, signal, waitMs }: TransitWait): Promise<string> {
  const deadline = performance.now() + waitMs;
  let reportedAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      if (error instanceof TransitRefusal) throw new MasterKeyUnavailableError(name, error.message, { cause: error });
      if (!(error instanceof TransitUnreachable)) throw error;
      const now = performance.now();
      if (now + pauseMs > deadline) {
        const waited = waitMs > 0 ? ` for ${waitMs} ms` : '';
        throw new MasterKeyUnavailableError(name, `is not available${waited} (${error.message})`, { cause: error });
      }
      if (now > reportedAtMs + reportEveryMs) {
        log.warn({ reason: error.message }, 'waiting for the transit server that unwraps the master key');
        reportedAtMs = now;
      }
    }
    await delay(pauseMs, undefined, { ...(signal && { signal }) }).catch(() => undefined);
  }
}
