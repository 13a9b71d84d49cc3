/** The tokens of servers in the keychain of the operating system. */
export interface Keychain {
  /** The token for a server; undefined if there is none. */
  read(url: string): Promise<string | undefined>;
  write(url: string, token: string): Promise<void>;
  remove(url: string): Promise<void>;
}

/** The name under which a keychain shows the entries. */
const service = 'coffer';

/** Linux' kernel keyring would be the fallback of the binding. It forgets everything at a restart. */
const store = { linux: { store: 'secret-service' } } as const;

/**
 * Opens the keychain: macOS Keychain, Windows Credential Manager or the Secret Service of a Linux desktop.
 *
 * @returns undefined if the machine has none, or if the optional package is not installed
 */
export async function openKeychain(): Promise<Keychain | undefined> {
  const binding = await import('@napi-rs/keyring').catch(() => undefined);
  if (binding === undefined) return undefined;
  const entry = (url: string) => new binding.AsyncEntry(service, url, store);
  try {
    // The constructor fails if there is no keychain. Reading also fails if there is one that does not open.
    await entry('').getPassword();
  } catch {
    return undefined;
  }
  return {
    read: async (url) => (await entry(url).getPassword()) ?? undefined,
    write: (url, token) => entry(url).setPassword(token),
    remove: async (url) => void (await entry(url).deletePassword()),
  };
}
