import { defineEntity, p } from '@mikro-orm/postgresql';
import { tenantRows } from './columns.ts';

const termKinds = ['tag', 'label'] as const;

/**
 * A tag or a label of a credential once more, to find credentials by it in the order of their creation. A trigger on `credential`
 * writes it. Terms only find rows: answers and scopes are decided by the tags and labels of the row.
 *
 * @see docs/decisions/0044-search-by-terms.md
 */
export const CredentialTermEntity = defineEntity({
  name: 'CredentialTerm',
  tableName: 'credential_term',
  ...tenantRows('credential_term', { isErasable: true }),
  properties: {
    workspaceId: p.uuid().primary(),
    kind: p.enum(termKinds).columnType('text').collation('C').primary(),
    /** The tag, or the key of the label. */
    key: p.text().collation('C').primary(),
    /** Empty for a tag. */
    value: p.text().collation('C').primary(),
    createdAt: p.datetime(3).primary(),
    credentialId: p.uuid().primary(),
  },
});
