/**
 * A condition that every row of `credential` meets. The indexes of searches have it, so that only statements that have it too can
 * use them: any other index that begins with the workspace would change the plans of look-ups by key.
 *
 * @see docs/decisions/0045-indexes-after-the-start.md
 */
export const isSearchable = `created_at > '-infinity'`;

/**
 * The indexes of searches by their names. A name belongs to one definition for ever: a changed definition needs a new name. They
 * are no part of a migration, which would block writes until a large table is indexed.
 */
export const searchIndexes: readonly { readonly name: string; readonly on: string }[] = [
  {
    name: 'credential_provider_order_index',
    on: `credential (workspace_id, provider collate "C", created_at, id) where ${isSearchable}`,
  },
  {
    name: 'credential_name_order_index',
    on: `credential (workspace_id, name collate "C", id) where ${isSearchable}`,
  },
  {
    name: 'credential_subject_order_index',
    on: `credential (workspace_id, subject collate "C", created_at, id) where subject is not null and ${isSearchable}`,
  },
  { name: 'credential_updated_order_index', on: `credential (workspace_id, updated_at, id) where ${isSearchable}` },
];
