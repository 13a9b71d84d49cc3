import { Migration } from '@mikro-orm/migrations';

/** Events record more than their resource: why and what of it. The MAC of an event covers these only where they are set. */
export class EventDetailsMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table audit_event
        add column purpose text,
        add column version int,
        add column field text,
        add column permission text,
        add column related_id text,
        add column days int,
        add column former_scope text`);
  }
}
