import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { TlsConfig } from '../config/config.ts';
import type { GatewayTls } from '../gateway/gateway.ts';
import { KeyFileError } from './keys/key-file.ts';

const checkEveryMs = 2_000;

/**
 * Reads the certificate, its private key and the authorities of clients.
 *
 * @throws KeyFileError where a file cannot be read or is invalid, and where certificate and key do not match
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

/** What the watch of the files works with. */
export interface TlsWatchParts {
  readonly config: TlsConfig;
  /** What the server uses at first. */
  readonly inUse: GatewayTls;
  readonly use: (tls: GatewayTls) => void;
  readonly log: { readonly info: Write; readonly warn: Write };
}

/** Renews the server's TLS when its files have changed. Unusable files are logged once, and the previous ones stay in use. */
export class TlsWatch {
  readonly #parts: TlsWatchParts;
  #inUse: string;
  #problem: string | undefined;

  constructor(parts: TlsWatchParts) {
    this.#parts = parts;
    this.#inUse = serialize(parts.inUse);
  }

  /** Compares the contents of the files every two seconds, because they may be replaced by links or by renaming. */
  start(): Disposable {
    let checking: Promise<void> | undefined;
    const timer = setInterval(() => {
      checking ??= this.check().finally(() => (checking = undefined));
    }, checkEveryMs);
    timer.unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  /** Checks the files once. */
  async check(): Promise<void> {
    const { config, log, use } = this.#parts;
    try {
      const tls = await readTls(config);
      const serialized = serialize(tls);
      this.#problem = undefined;
      if (serialized === this.#inUse) return;
      use(tls);
      this.#inUse = serialized;
      log.info({}, 'the TLS files have changed and are in use');
    } catch (error) {
      const problem = error instanceof Error ? error.message : 'unknown';
      if (problem === this.#problem) return;
      this.#problem = problem;
      log.warn({ problem }, 'the TLS files have changed and can not be used: the ones before stay in use');
    }
  }
}

function serialize({ certificate, privateKey, clientAuthorities }: GatewayTls): string {
  return JSON.stringify([certificate, privateKey, clientAuthorities ?? null]);
}

/** With an empty list, Node would trust every public authority; with a damaged one, fewer authorities than intended. */
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

/** The error omits the path, because the value may be a key by mistake. */
async function readPem(setting: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new KeyFileError(setting, `must be the path of a PEM file, and can not be read (${code})`, { cause: error });
  }
}
