/** How the server is authenticated: not at all, by its authority, or by its authority and its name. */
export type TlsVerification = 'none' | 'authority' | 'full';

/** How sessions at the database are encrypted, as its URL asks for it. */
export interface TlsWish {
  /** In which order encrypted and plain sessions are tried; of a Unix socket, sessions are never encrypted. */
  readonly order: readonly ('tls' | 'plain')[];
  readonly verification: TlsVerification;
  /** Paths of PEM files. Without an authority, Node's own list of public ones is used. */
  readonly authorityFile: string | undefined;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** As on a Unix socket. */
export const neverEncrypted: TlsWish = {
  order: ['plain'],
  verification: 'none',
  authorityFile: undefined,
  certificateFile: undefined,
  keyFile: undefined,
};

type Mode = Pick<TlsWish, 'order' | 'verification'>;

/** What libpq means by each, and pg's own `no-verify`. @see https://www.postgresql.org/docs/18/libpq-ssl.html */
const modes: Readonly<Record<string, Mode>> = {
  disable: { order: ['plain'], verification: 'none' },
  allow: { order: ['plain', 'tls'], verification: 'none' },
  prefer: { order: ['tls', 'plain'], verification: 'none' },
  require: { order: ['tls'], verification: 'none' },
  'no-verify': { order: ['tls'], verification: 'none' },
  'verify-ca': { order: ['tls'], verification: 'authority' },
  'verify-full': { order: ['tls'], verification: 'full' },
};
/** pg's shorter way, which is also that of JDBC. */
const modesOfSsl: Readonly<Record<string, string>> = {
  true: 'verify-full',
  1: 'verify-full',
  false: 'disable',
  0: 'disable',
  'no-verify': 'no-verify',
};
const known = new Set(['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey']);
/** Parameters that somebody relies on to be safe: one that is not understood is not passed over. */
const aboutSecurity = /^(ssl|tls|require|min_protocol|max_protocol)/;
const systemAuthorities = 'system';

/**
 * Reads `sslmode` and its files.
 *
 * @param problem makes the error that is thrown for what cannot be done
 */
export function parseTlsWish(parameters: ReadonlyMap<string, string>, problem: (text: string) => Error): TlsWish {
  if ([...parameters.keys()].some((name) => aboutSecurity.test(name) && !known.has(name))) {
    throw problem(`has a parameter of TLS that is not supported; those that are: ${[...known].join(', ')}`);
  }
  const ssl = parameters.get('ssl');
  const name = parameters.get('sslmode') ?? (ssl === undefined ? 'prefer' : (modesOfSsl[ssl] ?? ssl));
  const mode = Object.hasOwn(modes, name) ? modes[name] : undefined;
  if (!mode) throw problem(`must have an sslmode of ${Object.keys(modes).join(', ')}`);
  const authority = parameters.get('sslrootcert') || undefined;
  if (name === 'verify-ca' && authority === undefined) {
    throw problem('needs sslrootcert for sslmode=verify-ca: any public authority gives certificates to anybody');
  }
  if (authority === systemAuthorities && mode.verification !== 'full') {
    throw problem('needs sslmode=verify-full for sslrootcert=system');
  }
  const files = {
    certificateFile: parameters.get('sslcert') || undefined,
    keyFile: parameters.get('sslkey') || undefined,
  };
  if ((files.certificateFile === undefined) !== (files.keyFile === undefined)) {
    throw problem('needs sslcert and sslkey together');
  }
  return { ...mode, ...files, ...authorityOf(name, mode, authority) };
}

/** A file of authorities is used wherever it is given, as by libpq. */
function authorityOf(name: string, { verification }: Mode, file: string | undefined) {
  const isFile = file !== undefined && file !== systemAuthorities;
  const isRaised = isFile && verification === 'none' && name !== 'no-verify';
  return { authorityFile: isFile ? file : undefined, verification: isRaised ? ('authority' as const) : verification };
}
