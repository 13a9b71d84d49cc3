import type { Opened } from './source-entry.ts';

/** A key that may be the right one. */
export interface KeyCandidate<Key> {
  readonly key: Key;
  readonly origin: string;
}

/** The secrets of a source under the key that opens it. */
export interface OpenedSecrets {
  readonly secrets: readonly Opened[];
  /** Set where no key opens anything. */
  readonly fault?: string;
}

/**
 * Opens all secrets under the first key that opens one of them to a JSON object, so that a wrong key is found before anything
 * is stored. Where there is no such key, the results are those of the first.
 *
 * @param candidates at least one
 */
export function openAll<Sealed, Key>(
  sealed: readonly Sealed[],
  candidates: readonly KeyCandidate<Key>[],
  open: (one: Sealed, key: Key) => Opened,
): OpenedSecrets {
  const opens = ({ key }: KeyCandidate<Key>) => sealed.some((one) => isUnderKey(open(one, key)));
  const chosen = candidates.find(opens);
  const used = chosen ?? candidates[0];
  const secrets = used ? sealed.map((one) => open(one, used.key)) : [];
  if (chosen || !secrets.some(({ state }) => state === 'wrong key')) return { secrets };
  const origins = [...new Set(candidates.map(({ origin }) => origin))].join(', ');
  return { secrets, fault: `wrong key: that of ${origins} opens no secret` };
}

function isUnderKey({ state }: Opened): boolean {
  return state === 'opened' || state === 'empty';
}
