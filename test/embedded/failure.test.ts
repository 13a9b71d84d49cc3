import { expect } from 'chai';
import { tmpdir } from 'node:os';
import { fileSystemError, serverError } from '../../src/embedded/errors.ts';

const messages = [
  ['FATAL:  could not write lock file "postmaster.pid": No space left on device', 'disk_full'],
  ['PANIC:  could not write to file "pg_wal/xlogtemp.7": Disk quota exceeded', 'disk_full'],
  ['FATAL:  could not open lock file "postmaster.pid": Read-only file system', 'read_only'],
  ['FATAL:  data directory "/d" has wrong ownership', 'wrong_owner'],
  ['FATAL:  data directory "/d" has invalid permissions', 'unsafe_directory'],
  ['FATAL:  could not open file "PG_VERSION": Permission denied', 'permission_denied'],
  ['FATAL:  database files are incompatible with server', 'incompatible_version'],
  ['FATAL:  lock file "postmaster.pid" already exists', 'in_use'],
  ['FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use', 'in_use'],
  ['FATAL:  lock file "postmaster.pid" is empty', 'in_use'],
  ['FATAL:  bogus data in lock file "postmaster.pid": "x"', 'in_use'],
  ['FATAL:  could not open file "global/pg_filenode.map": No such file or directory', 'corrupted'],
  ['PANIC:  could not fsync file "base/1": Input/output error', 'start_failed'],
  ['PANIC:  could not locate a valid checkpoint record at 0/1', 'corrupted'],
  ['FATAL:  unrecognized configuration parameter "shared_bufers"', 'start_failed'],
] as const;

describe('what PostgreSQL prints before it ends', () => {
  for (const [output, code] of messages) {
    it(`is ${code} when it is: ${output}`, async () => {
      const error = await serverError('start', tmpdir(), output);
      expect(error).to.include({ code });
      expect(error.message).to.include(tmpdir());
      expect(String(error.cause)).to.include(output);
    });
  }
});

describe('an error of the file system', () => {
  for (const [systemCode, code] of [
    ['ENOSPC', 'disk_full'],
    ['EROFS', 'read_only'],
    ['EACCES', 'permission_denied'],
    ['EMFILE', 'start_failed'],
  ] as const) {
    it(`is ${code} when it is ${systemCode}`, () => {
      const cause = Object.assign(new Error('refused'), { code: systemCode });
      const error = fileSystemError('make', '/some/folder', cause);
      expect(error).to.include({ code, cause });
      expect(error.message).to.include('/some/folder');
    });
  }
});
