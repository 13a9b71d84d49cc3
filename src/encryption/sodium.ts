import wrappers, { ready } from 'libsodium-wrappers';

/** libsodium, loaded and ready. */
export type Sodium = typeof wrappers;

/**
 * Loads libsodium's WebAssembly; until it is ready its functions are absent, so everything that needs it is given it.
 *
 * @see https://doc.libsodium.org/bindings_for_other_languages#programming-languages
 */
export async function loadSodium(): Promise<Sodium> {
  await ready;
  return wrappers;
}
