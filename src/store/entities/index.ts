import { ApiKeyEntity } from './api-key.ts';
import { AuditEventEntity } from './audit-event.ts';
import { AuditLedgerEntity } from './audit-ledger.ts';
import { CredentialVersionEntity } from './credential-version.ts';
import { CredentialEntity } from './credential.ts';
import { KeyringEntity } from './keyring.ts';
import { MembershipEntity } from './membership.ts';
import { SessionEntity } from './session.ts';
import { UserEntity } from './user.ts';
import { WorkspaceKeyEntity } from './workspace-key.ts';
import { WorkspaceEntity } from './workspace.ts';

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
  AuditEventEntity,
  AuditLedgerEntity,
];
