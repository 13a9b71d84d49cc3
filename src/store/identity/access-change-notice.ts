import type { AccessChange } from '../../vault/identity/ports.ts';
import type { Statement } from '../postgres/statements/statement.ts';

/** The channel of PostgreSQL over which changes of grants are told. Whoever may connect to the database can listen. */
export const notifyChannel = 'coffer_grants';

/** A change, or what a process has sent to itself. */
export type Notice = AccessChange | { readonly kind: 'mark'; readonly id: string };

const kinds = ['api_key', 'session', 'user', 'workspace', 'mark'] as const;

/** Reads a notice, such as `user:018cc251-f400-7000-8000-000000000001`; what is not known may mean anything. */
export function parseNotice(payload: string): Notice {
  const [name, id] = payload.split(':');
  const kind = kinds.find((candidate) => candidate === name);
  return kind && id ? { kind, id } : { kind: 'any' };
}

/** Tells a notice to all processes. Those of changes are told by the database itself. */
export function tellNotice({ kind, id }: { readonly kind: 'mark'; readonly id: string }): Statement {
  return { name: 'tell notice', text: 'select pg_notify($1, $2)', values: [notifyChannel, `${kind}:${id}`] };
}
