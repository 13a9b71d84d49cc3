import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkDatabaseFiles,
  databasePlaceOf,
  faultOfDatabaseUrl,
} from '../../../../src/store/postgres/connect/database-connection.ts';
import { createAuthority } from '../../../gateway/certificates.ts';

const encode = 'must have # / ? @ : % in its user and password percent-encoded, such as # as %23';

describe('a database URL', () => {
  const places: Readonly<Record<string, string>> = {
    'postgres://db.example/coffer': 'db.example',
    'postgresql://user:pass@db.example:5433/coffer?sslmode=verify-full': 'db.example:5433',
    'postgres://user:p%23%2F%3F%40%3A@[::1]:5432/coffer': '[::1]:5432',
    'postgres://user:a@b@db.example/coffer': 'db.example',
    'postgres://user:50%@db.example/coffer': 'db.example',
    'postgres://user@h1:5432,h2:5433/coffer?target_session_attrs=read-write': 'h1:5432,h2:5433',
    'postgres://user@%2Fvar%2Frun%2Fpostgresql:5432/coffer': '/var/run/postgresql:5432',
    'postgres:///coffer?host=/tmp&user=me@server&password=a@b': '/tmp',
    'postgres:///coffer': 'localhost',
    'postgres://db.example': 'db.example',
  };
  for (const [url, place] of Object.entries(places)) {
    it(`is at ${place} for ${url}`, () => {
      expect(faultOfDatabaseUrl(url)).to.equal(undefined);
      expect(databasePlaceOf(url)).to.equal(place);
    });
  }

  const faults: Readonly<Record<string, string>> = {
    'postgres://user:pa#ss@db.example/coffer': encode,
    'postgres://user:5#ss@db.example/coffer': encode,
    'postgres://user:pass@db.example/cof#fer': encode,
    'postgres://user:pa/ss@db.example/coffer': encode,
    'postgres://user:5/ss@db.example/coffer': encode,
    'postgres://user:pa?ss@db.example/coffer': encode,
    'postgres://user:5?ss@db.example/coffer': encode,
    'postgres://user:a@b?c@db.example/coffer': encode,
    'postgres://user:%e9@db.example/coffer': encode,
    'postgres://db.example:port/coffer': encode,
    'postgres://user:pass@db.example/coffer\nnext': 'must be one line',
    'mysql://db.example': 'must begin with postgres://',
    'postgres:/db.example': 'must begin with postgres://',
  };
  for (const [url, fault] of Object.entries(faults)) {
    it(`is refused in words that quote nothing of ${JSON.stringify(url)}`, () => {
      expect(faultOfDatabaseUrl(url)).to.equal(fault);
    });
  }

  it('is refused in one sentence where the file of its authorities is missing, or is none, and not for public authorities', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coffer-database-url-'));
    const file = join(folder, 'ca.pem');
    const problem = () =>
      checkDatabaseFiles(`postgres://db/coffer?sslmode=verify-full&sslrootcert=${encodeURIComponent(file)}`).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : error),
      );
    expect(await problem()).to.equal('sslrootcert in the database URL names no file that can be read (ENOENT)');
    await writeFile(file, createAuthority().issue('localhost').privateKey);
    expect(await problem()).to.equal('sslrootcert in the database URL contains no certificate in PEM');
    await writeFile(file, createAuthority().certificate);
    expect(await problem()).to.equal(undefined);
    await rm(folder, { recursive: true });
    await checkDatabaseFiles('postgres://db/coffer?sslmode=verify-full&sslrootcert=system');
  });
});
