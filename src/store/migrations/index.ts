import { AuditChainMigration } from './audit-chain.ts';
import { ClientCertificatesMigration } from './client-certificates.ts';
import { CredentialMacsMigration } from './credential-macs.ts';
import { CredentialTermsMigration } from './credential-terms.ts';
import { DeactivatedUsersMigration } from './deactivated-users.ts';
import { DeletedWorkspacesMigration } from './deleted-workspaces.ts';
import { EventDetailsMigration } from './event-details.ts';
import { GivenIdsAndNamesMigration } from './given-ids-and-names.ts';
import { GrantNoticesMigration } from './grant-notices.ts';
import { InitialMigration } from './initial.ts';
import { LostEventsMigration } from './lost-events.ts';
import { MembersMigration } from './members.ts';
import { KeptVersionsMigration } from './kept-versions.ts';
import { NarrowedKeysMigration } from './narrowed-keys.ts';
import { PurgeAndExpiryMigration } from './purge-and-expiry.ts';
import { SettledPlansMigration } from './settled-plans.ts';
import { SignedNamesMigration } from './signed-names.ts';
import { SubjectsMigration } from './subjects.ts';
import { UsedKeysMigration } from './used-keys.ts';
import { UsersMigration } from './users.ts';
import { VouchedMembershipsMigration } from './vouched-memberships.ts';
import { WrappedMasterMigration } from './wrapped-master.ts';

/** All migrations in order. The name and the effect of a released migration never change. */
export const migrations = [
  { name: '001-initial', class: InitialMigration },
  { name: '002-given-ids-and-names', class: GivenIdsAndNamesMigration },
  { name: '003-client-certificates', class: ClientCertificatesMigration },
  { name: '004-members', class: MembersMigration },
  { name: '005-audit-chain', class: AuditChainMigration },
  { name: '006-users', class: UsersMigration },
  { name: '007-deactivated-users', class: DeactivatedUsersMigration },
  { name: '008-narrowed-keys', class: NarrowedKeysMigration },
  { name: '009-settled-plans', class: SettledPlansMigration },
  { name: '010-grant-notices', class: GrantNoticesMigration },
  { name: '011-deleted-workspaces', class: DeletedWorkspacesMigration },
  { name: '012-credential-macs', class: CredentialMacsMigration },
  { name: '013-used-keys', class: UsedKeysMigration },
  { name: '014-vouched-memberships', class: VouchedMembershipsMigration },
  { name: '015-signed-names', class: SignedNamesMigration },
  { name: '016-lost-events', class: LostEventsMigration },
  { name: '017-event-details', class: EventDetailsMigration },
  { name: '018-subjects', class: SubjectsMigration },
  { name: '019-kept-versions', class: KeptVersionsMigration },
  { name: '020-purge-and-expiry', class: PurgeAndExpiryMigration },
  { name: '023-credential-terms', class: CredentialTermsMigration },
  { name: '030-wrapped-master', class: WrappedMasterMigration },
];
