import { Migration } from '@mikro-orm/migrations';

/** After a key for a certificate's name was revoked, another key may use that name. */
export class ClientCertificatesMigration extends Migration {
  override up(): void {
    this.addSql('alter table api_key drop constraint api_key_hash_unique');
    this.addSql('create unique index api_key_hash_unique on api_key (hash) where revoked_at is null');
    this.addSql('create index api_key_hash_index on api_key (hash)');
  }
}
