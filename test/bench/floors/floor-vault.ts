import { randomBytes, randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { RandomPool } from '../../../src/encryption/random.ts';
import { nonceBytes, openBox, loadSodium } from '../../../src/encryption/sodium.ts';

/** What a vault cannot do without, and nothing else: no caller, no permission, no version, no event, one key for all. */
export interface FloorVault {
  /** Seals and inserts; answers the id. */
  create(name: string, secret: string): Promise<string>;
  /** Selects and opens; fails where there is none. */
  read(id: string): Promise<string>;
}

// As many as Coffer has.
const connectionsMax = 16;

/** Makes its one table in an empty database. All statements are prepared. */
export async function openFloorVault(url: string): Promise<FloorVault> {
  const sodium = await loadSodium();
  const random = new RandomPool();
  const key = new Uint8Array(randomBytes(sodium.crypto_secretbox_KEYBYTES));
  const pool = new Pool({ connectionString: url, max: connectionsMax });
  await pool.query('create table credential (id uuid primary key, name text not null, sealed bytea not null)');
  return {
    async create(name, secret) {
      const id = randomUUID();
      const nonce = random.take(nonceBytes);
      const sealed = Buffer.concat([nonce, sodium.crypto_secretbox_easy(secret, nonce, key)]);
      const text = 'insert into credential (id, name, sealed) values ($1, $2, $3)';
      await pool.query({ name: 'insert', text, values: [id, name, sealed] });
      return id;
    },
    async read(id) {
      const text = 'select sealed from credential where id = $1';
      const { rows } = await pool.query<{ sealed: Buffer }>({ name: 'select', text, values: [id] });
      const sealed = rows[0]?.sealed;
      const opened =
        sealed && openBox(sodium, { nonce: sealed.subarray(0, nonceBytes), box: sealed.subarray(nonceBytes), key });
      if (!opened) throw new Error('there is no such credential');
      return Buffer.from(opened).toString();
    },
  };
}
