import type { WrappedWorkspaceKey } from '../../vault/workspaces/ports.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import type { newWorkspaceKeyRow } from './workspace-rows.ts';

type SignedKey = ReturnType<typeof newWorkspaceKeyRow>;

/** Changes how keys are wrapped, and their MACs. One statement for many rows, which the query builder does not have. */
export function updateKeys(keys: readonly SignedKey[]): Statement {
  const column = <Name extends keyof WrappedWorkspaceKey | 'mac'>(name: Name) => keys.map((key) => key[name]);
  return {
    name: '~workspace keys',
    text: `
      update workspace_key k set wrapped = n.wrapped, master_fingerprint = n.master_fingerprint, mac = n.mac
      from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[], $5::bytea[])
        as n (workspace_id, key_id, wrapped, master_fingerprint, mac)
      where k.workspace_id = n.workspace_id and k.key_id = n.key_id`,
    values: [column('workspaceId'), column('keyId'), column('wrapped'), column('masterFingerprint'), column('mac')],
  };
}
