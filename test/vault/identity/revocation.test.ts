import { expect } from 'chai';
import type { Call } from '../../../src/vault/caller.ts';
import { openRealVault, refusalOf, someDraft, someSecret, type RealVault } from '../real-vault.ts';

/** A call that was let in, whose proof ends before it comes to the database: as with one that is remembered. */
describe('revealing to a caller whose authentication was revoked meanwhile', () => {
  let real: RealVault;
  let id: string;
  let sessionCall: Call;

  const sessionId = '018cc251-f400-7000-8000-0000000000a1';

  before(async () => {
    real = await openRealVault();
    const { caller, ...call } = real.call;
    sessionCall = { ...call, caller: { ...caller, kind: 'user', authentication: 'session', sessionId } };
  });

  beforeEach(async () => {
    await real.empty();
    await real.asSuperuser('delete from session');
    await real.asSuperuser(`update api_key set id = $1, revoked_at = null where name = 'a key'`, [real.call.caller.id]);
    await real.asSuperuser('update "user" set deactivated_at = null');
    await real.asSuperuser(
      `insert into session (id, user_id, hash, expires_at, created_at, mac)
       select $1, id, '', created_at, created_at, '' from "user"`,
      [sessionId],
    );
    ({ id } = await real.vault.createCredential(real.call, someDraft(), someSecret()));
  });

  after(() => real.close());

  const reveal = async (call: Call) => (await real.vault.revealSecret(call, id)).secret.expose();

  const endings = [
    {
      what: 'an API key that was revoked',
      callOf: () => real.call,
      statement: 'update api_key set revoked_at = now()',
    },
    {
      what: 'an API key whose row is gone',
      callOf: () => real.call,
      statement: `update api_key set id = gen_random_uuid() where name = 'a key'`,
    },
    {
      what: 'an API key whose user was deactivated',
      callOf: () => real.call,
      statement: 'update "user" set deactivated_at = now()',
    },
    { what: 'a session that has ended', callOf: () => sessionCall, statement: 'delete from session' },
    {
      what: 'a session whose user was deactivated',
      callOf: () => sessionCall,
      statement: 'update "user" set deactivated_at = now()',
    },
  ];

  for (const { what, callOf, statement } of endings) {
    it(`is refused: ${what}`, async () => {
      expect(await reveal(callOf())).to.deep.equal({ key: 'k1' });
      await real.asSuperuser(statement);
      const { code, message } = await refusalOf(reveal(callOf()));
      expect({ code, message }).to.deep.equal({ code: 'token_invalid', message: 'Token revoked' });
      expect(await real.eventsOf({ id })).to.deep.equal([
        'credentials.create OK',
        'secrets.reveal OK',
        'secrets.reveal DENIED',
      ]);
    });
  }

  it('harms no other call in the same transaction', async () => {
    await real.asSuperuser('delete from session');
    const calls = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? real.call : sessionCall));
    const answers = await Promise.allSettled(calls.map(reveal));
    for (const [index, answer] of answers.entries()) {
      expect(answer.status, String(index)).to.equal(index % 2 === 0 ? 'fulfilled' : 'rejected');
    }
  });

  it('checks the authentications of all, however they name what they want', async () => {
    await real.asSuperuser('delete from session');
    const byShortId = id.replaceAll('-', '').slice(-16).toUpperCase();
    const refusals = await Promise.all([
      refusalOf(real.vault.revealSecret(sessionCall, `CRD-${byShortId}`)),
      refusalOf(real.vault.revealByName(sessionCall, 'a name')),
      refusalOf(real.vault.revealSecret(sessionCall, id)),
    ]);
    expect(refusals.map(({ code }) => code)).to.deep.equal(['token_invalid', 'token_invalid', 'token_invalid']);
  });

  it('is answered to those whose authentication is in no table, such as users of an issuer', async () => {
    const { caller, ...call } = sessionCall;
    const oidcCall: Call = { ...call, caller: { ...caller, authentication: 'oidc', sessionId: null } };
    expect(await reveal(oidcCall)).to.deep.equal({ key: 'k1' });
  });
});
