import { expect } from 'chai';
import type { AuditEvent } from '../../../src/vault/audit/audit-event.ts';
import { AccessDenialRecorder } from '../../../src/vault/audit/access-denial-recorder.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { StandingClock } from '../../encryption/fixtures.ts';
import { callIn, refusalOf } from '../real-vault.ts';

const own = '018cc251-f400-7000-8000-000000000001';
const foreign = '018cc251-f400-7000-8000-000000000002';

describe('the recorder of calls that are not let in', () => {
  let events: AuditEvent[];
  let isAway: boolean;
  let recorder: AccessDenialRecorder;

  beforeEach(() => {
    events = [];
    isAway = false;
    let ids = 0;
    recorder = new AccessDenialRecorder({
      audit: {
        append: async (event) => {
          if (isAway) throw new VaultError('unavailable', 'away');
          events.push(event);
        },
      },
      clock: new StandingClock(),
      ids: { next: () => String((ids += 1)) },
    });
  });

  const missing = new VaultError('token_missing', 'no token');
  const counts = () => events.map(({ peer, count }) => `${peer} ${count}`);

  it('records what a known caller was denied, in one of their workspaces', async () => {
    await recorder.recordDenied(callIn(own), denied(own));
    await recorder.recordDenied(callIn(own), denied(foreign));
    expect(events.map(({ workspaceId }) => workspaceId)).to.deep.equal([own, own]);
    const resourceId = 'secrets.reveal';
    expect(events[0]).to.include({ action: 'access.denied', outcome: 'DENIED', resourceId, permission: resourceId });
  });

  it('notes no other failure', async () => {
    await recorder.recordDenied(callIn(own), new VaultError('not_found', 'no'));
    recorder.countUnauthenticated('10.0.0.1', new VaultError('invalid_argument', 'no'));
    await recorder.flush();
    expect(events).to.deep.equal([]);
  });

  it('counts unauthenticated calls by address, into one event each', async () => {
    for (const peer of ['10.0.0.1', '10.0.0.2', '10.0.0.1']) recorder.countUnauthenticated(peer, missing);
    await recorder.flush();
    await recorder.flush();
    expect(counts()).to.deep.equal(['10.0.0.1 2', '10.0.0.2 1']);
    expect(events[0]).to.include({ action: 'access.refused', actorKind: 'anonymous', workspaceId: null });
  });

  it('counts the addresses of one IPv6 network together, and names the network', async () => {
    for (const peer of ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1', '2001:db8::1', '2001:db8:0:1::1']) {
      recorder.countUnauthenticated(peer, missing);
    }
    await recorder.flush();
    expect(counts()).to.deep.equal(['2001:db8::/64 3', '2001:db8:0:1::1 2']);
  });

  it('counts all further addresses together, however many there are', async () => {
    for (let address = 0; address < 5_000; address += 1) recorder.countUnauthenticated(`address ${address}`, missing);
    await recorder.flush();
    expect(events).to.have.length(1_001);
    expect(counts().at(-1)).to.equal('others 4000');
  });

  it('keeps what could not be written', async () => {
    recorder.countUnauthenticated('10.0.0.1', missing);
    isAway = true;
    expect((await refusalOf(recorder.flush())).code).to.equal('unavailable');
    isAway = false;
    recorder.countUnauthenticated('10.0.0.1', missing);
    await recorder.flush();
    expect(counts()).to.deep.equal(['10.0.0.1 2']);
  });
});

function denied(workspace: string): VaultError {
  return new VaultError('permission_denied', 'no', { workspace, permission: 'secrets.reveal' });
}
