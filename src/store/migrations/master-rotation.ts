import { Migration } from '@mikro-orm/migrations';

/**
 * The database itself proves that no workspace's key is wrapped by another master key than the keyring's: a process that has not
 * heard of a rotation cannot add one. Processes are notified of the rotation.
 */
export class MasterRotationMigration extends Migration {
  override up(): void {
    this.addSql('alter table keyring add constraint keyring_master_fingerprint_unique unique (master_fingerprint)');
    this.addSql(`
      alter table workspace_key add constraint workspace_key_master_foreign
        foreign key (master_fingerprint) references keyring (master_fingerprint) deferrable initially deferred`);
    this.addSql(`
      create trigger notify_master_rotation after update on keyring for each row
        execute function tell_grant_change('keyring', 'master_fingerprint')`);
  }
}
