import { expect } from 'chai';
import { Argon2PasswordHasher } from '../../src/authentication/password-hasher.ts';

/** Of "correct horse", salt 00 01 … 0f, made by another implementation of Argon2id with t=2, p=1, m=19456. */
const known = '$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$0AuQxA+RjPiJeA19Op7DwrFxnfh9xeTU2T6mFj2wThc';

describe('Argon2PasswordHasher', () => {
  const hasher = new Argon2PasswordHasher();

  it('hashes with Argon2id, 19 MiB, 2 passes, 1 lane and 16 bytes of salt', async () => {
    expect(await hasher.hash('correct horse')).to.match(
      /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/,
    );
  });

  it('salts each hash anew', async () => {
    expect(await hasher.hash('correct horse')).not.to.equal(await hasher.hash('correct horse'));
  });

  it('verifies what it hashed, and nothing else', async () => {
    const hash = await hasher.hash('correct horse');
    expect(await hasher.verify('correct horse', hash)).to.equal(true);
    expect(await hasher.verify('correct horsf', hash)).to.equal(false);
    expect(await hasher.verify('', hash)).to.equal(false);
  });

  it('verifies a hash that another implementation made', async () => {
    expect(await hasher.verify('correct horse', known)).to.equal(true);
    expect(await hasher.verify('correct house', known)).to.equal(false);
  });

  it('refuses a hash of which one character was changed', async () => {
    const last = known.length - 2;
    const changed = known.slice(0, last) + (known.charAt(last) === 'A' ? 'B' : 'A') + known.slice(last + 1);
    expect(await hasher.verify('correct horse', changed)).to.equal(false);
  });

  it('takes passwords of any letters and of any length', async () => {
    for (const password of ['пароль 🔑', 'a'.repeat(1_024), '\0', '']) {
      expect(await hasher.verify(password, await hasher.hash(password))).to.equal(true);
    }
  });

  it('answers false, and throws nothing, for a hash that is none', async () => {
    for (const hash of ['', 'correct horse', known.replace('argon2id', 'argon2i'), known.slice(0, 40)]) {
      expect(await hasher.verify('correct horse', hash), hash).to.equal(false);
    }
  });
});
