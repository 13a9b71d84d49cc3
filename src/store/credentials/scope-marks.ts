import type { ScopedRecord, KeyScope } from '../../vault/key-scope.ts';
import type { GrantMac } from '../../vault/identity/ports.ts';

/** The hex digits of a mark: one value in four billion has that of another one. */
const markDigits = 8;

/**
 * Marks of what scopes are compared with, for events. With the key, they show whether a credential was within a given scope;
 * without it, nothing about provider, subject and tags. A mark is of one value of one credential.
 */
export class ScopeMarks {
  readonly #mac: GrantMac;

  constructor(mac: GrantMac) {
    this.#mac = mac;
  }

  /** The marks of a credential, joined by dots. */
  of({ id, provider, subject, tags }: ScopedRecord): string {
    const marks = [
      this.#mark(id, 'provider', provider),
      ...(subject === null ? [] : [this.#mark(id, 'subject', subject)]),
      ...tags.map((tag) => this.#mark(id, 'tag', tag)),
    ];
    return marks.join('.');
  }

  /** Whether the credential with these marks was within a scope. */
  isWithin({ providers, tags, credentialIds, subjects }: KeyScope, id: string, marks: string): boolean {
    const present = new Set(marks.split('.'));
    const has = (kind: string, values: readonly string[]) =>
      values.length === 0 || values.some((value) => present.has(this.#mark(id, kind, value)));
    return (
      (credentialIds.length === 0 || credentialIds.includes(id)) &&
      has('provider', providers) &&
      has('subject', subjects) &&
      has('tag', tags)
    );
  }

  #mark(id: string, kind: string, value: string): string {
    const mac = this.#mac.compute('scope mark', [id, kind, value]);
    return Buffer.from(mac).toString('hex').slice(0, markDigits);
  }
}

/** Whether a change may take a credential out of a scope. */
export function mayLeaveScopes(before: ScopedRecord, after: ScopedRecord): boolean {
  return (
    before.provider !== after.provider ||
    before.subject !== after.subject ||
    before.tags.some((tag) => !after.tags.includes(tag))
  );
}
