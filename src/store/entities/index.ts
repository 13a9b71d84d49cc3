import { AuditEventEntity, AuditLedgerEntity } from './audit.ts';
import { CredentialTermEntity } from './credential-term.ts';
import { CredentialConsumerEntity, CredentialEntity, CredentialVersionEntity } from './credential.ts';
import { IdempotencyEntity } from './idempotency.ts';
import { ApiKeyEntity, MembershipEntity, SessionEntity, UserEntity } from './identity.ts';
import { KeyShareEntity, SealEntity } from './seal.ts';
import { KeyringEntity, WorkspaceEntity, WorkspaceKeyEntity } from './workspace.ts';

/** Every entity, for discovery without globbing. */
export const entities = [
  WorkspaceEntity,
  UserEntity,
  MembershipEntity,
  ApiKeyEntity,
  SessionEntity,
  KeyringEntity,
  SealEntity,
  KeyShareEntity,
  WorkspaceKeyEntity,
  CredentialEntity,
  CredentialVersionEntity,
  CredentialConsumerEntity,
  CredentialTermEntity,
  IdempotencyEntity,
  AuditEventEntity,
  AuditLedgerEntity,
];

/** The tables whose rows are visible only in the scope of their workspace. */
export const tenantTables: readonly string[] = entities
  .filter(({ meta }) => meta.rowLevelSecurity === 'force')
  .map(({ meta }) => meta.tableName);
