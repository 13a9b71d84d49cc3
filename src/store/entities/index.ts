import { AuditEventEntity, AuditLedgerEntity } from './audit.ts';
import { CredentialTermEntity } from './credential-term.ts';
import { CredentialEntity, CredentialVersionEntity } from './credential.ts';
import { ApiKeyEntity, MembershipEntity, SessionEntity, UserEntity } from './identity.ts';
import { KeyringEntity, WorkspaceEntity, WorkspaceKeyEntity } from './workspace.ts';

/** Every entity, for discovery without globbing. */
export const entities = [
  WorkspaceEntity,
  UserEntity,
  MembershipEntity,
  ApiKeyEntity,
  SessionEntity,
  KeyringEntity,
  WorkspaceKeyEntity,
  CredentialEntity,
  CredentialVersionEntity,
  CredentialTermEntity,
  AuditEventEntity,
  AuditLedgerEntity,
];
