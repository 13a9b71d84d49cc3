import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { TlsConfig } from '../config/config.ts';
import type { GatewayTls } from '../gateway/gateway.ts';
import { KeyFileError } from './key-file.ts';

/** How often the files are looked at, in milliseconds. */
const lookEveryMs = 2_000;

/**
 * Reads the certificate, its private key and the authorities of clients.
 *
 * @throws KeyFileError where one can't be read or is none, and where certificate and key do not belong together
 */
export async function readTls({ certFile, clientCaFile, keyFile }: TlsConfig): Promise<GatewayTls> {
  const [certificate, privateKey] = await Promise.all([
    readPem('COFFER_TLS_CERT', certFile),
    readPem('COFFER_TLS_KEY', keyFile),
  ]);
  const clientAuthorities = clientCaFile === null ? undefined : await readAuthorities(clientCaFile);
  try {
    createSecureContext({ cert: certificate, key: privateKey });
  } catch (cause) {
    throw new KeyFileError(certFile, 'can not be used together with its private key', { cause });
  }
  return { certificate, privateKey, ...(clientAuthorities !== undefined && { clientAuthorities }) };
}

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** What a watch of the files works with. */
export interface TlsWatchParts {
  readonly config: TlsConfig;
  /** What is in use at first. */
  readonly inUse: GatewayTls;
  readonly use: (tls: GatewayTls) => void;
  readonly log: { readonly info: Write; readonly warn: Write };
}

/** Has the server use its TLS files anew when they have changed; what can't be used is told once, and leaves the old ones. */
export class TlsWatch {
  readonly #parts: TlsWatchParts;
  #inUse: string;
  #trouble: string | undefined;

  constructor(parts: TlsWatchParts) {
    this.#parts = parts;
    this.#inUse = serialize(parts.inUse);
  }

  /** Looks at the files every two seconds, by their content: whoever replaces them may do so by links or by renaming. */
  start(): Disposable {
    let looking: Promise<void> | undefined;
    const timer = setInterval(() => {
      looking ??= this.look().finally(() => (looking = undefined));
    }, lookEveryMs);
    timer.unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  /** Looks at the files once. */
  async look(): Promise<void> {
    const { config, log, use } = this.#parts;
    try {
      const tls = await readTls(config);
      const serialized = serialize(tls);
      this.#trouble = undefined;
      if (serialized === this.#inUse) return;
      use(tls);
      this.#inUse = serialized;
      log.info({}, 'the TLS files have changed and are in use');
    } catch (error) {
      const trouble = error instanceof Error ? error.message : 'unknown';
      if (trouble === this.#trouble) return;
      this.#trouble = trouble;
      log.warn({ problem: trouble }, 'the TLS files have changed and can not be used: the ones before stay in use');
    }
  }
}

function serialize({ certificate, privateKey, clientAuthorities }: GatewayTls): string {
  return JSON.stringify([certificate, privateKey, clientAuthorities ?? null]);
}

/** An empty list would have Node trust every public authority instead, and a damaged one fewer than was meant. */
async function readAuthorities(path: string): Promise<string> {
  const text = await readPem('COFFER_TLS_CLIENT_CA', path);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const begun = text.match(/-----BEGIN /g) ?? [];
  if (blocks.length === 0 || blocks.length !== begun.length || !blocks.every(isCertificate)) {
    throw new KeyFileError(path, 'must hold certificates in PEM, and nothing else');
  }
  return text;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** What can't be read may be no path but a key, given in its place, and is not shown. */
async function readPem(setting: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new KeyFileError(setting, `must be the path of a PEM file, and can not be read (${code})`, { cause: error });
  }
}
