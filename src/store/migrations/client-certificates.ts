import { Migration } from '@mikro-orm/migrations';

/** The name in a certificate may get another key when the one that had it was revoked. */
export class ClientCertificatesMigration extends Migration {
  override up(): void {
    this.addSql('alter table api_key drop constraint api_key_hash_unique');
    this.addSql('create unique index api_key_hash_unique on api_key (hash) where revoked_at is null');
    this.addSql('create index api_key_hash_index on api_key (hash)');
  }
}
