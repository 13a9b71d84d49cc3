import { Migration } from '@mikro-orm/migrations';

/** Owners seal all servers, which are notified. The master key is split into shares, which are recognized by their hashes. */
export class SealAndSharesMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table seal (
        id smallint primary key,
        number bigint not null,
        sealed_at timestamptz(3) not null,
        mac bytea not null,
        constraint seal_single_row_check check (id = 1)
      )`);
    this.addSql(`
      create trigger notify_seal after insert or update on seal for each row
        execute function tell_grant_change('seal', 'number')`);
    this.addSql(`
      create table key_share (
        hash bytea primary key,
        master_fingerprint text not null,
        threshold smallint not null
      )`);
  }
}
