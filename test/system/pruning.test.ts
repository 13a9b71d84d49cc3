import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { textOf } from '../support/json.ts';
import { until } from '../store/fixtures.ts';

const credentials = '/v1/workspaces/default/credentials';
const dayMs = 86_400_000;

describe('versions of a secret that were superseded some days ago', () => {
  let nowMs = Date.parse('2024-01-01T00:00:00Z');
  let one: TestCoffer;
  let other: TestCoffer;

  const now = () => new Date(nowMs);

  before(async () => {
    one = await startCoffer({ now, environment: { COFFER_VERSION_DAYS_MAX: '2' } });
    other = await startCoffer({ now, database: one.database, environment: one.environment });
  });
  after(async () => {
    await other.stop();
    await one.stop();
  });

  async function create(): Promise<string> {
    const body = { credential: { name: 'n' }, secret: { key: '1' } };
    return textOf(await one.native('POST', credentials, body), 'credential', 'id');
  }

  const add = (id: string, key: string) => one.native('POST', `${credentials}/${id}/versions`, { secret: { key } });

  async function numbers(id: string): Promise<number[]> {
    const { versions } = Object(await one.native('GET', `${credentials}/${id}/versions`));
    return Object.values(Object(versions)).map((version) => Number(Object(version).version));
  }

  async function prunings(id: string): Promise<string[]> {
    const path = `/v1/workspaces/default/auditEvents?resource_id=${id}&action=secrets.prune_versions`;
    const { audit_events: events } = Object(await one.native('GET', path));
    return Object.values(Object(events)).map((event) => `${Object(event).actor.kind} ${Object(event).version}`);
  }

  it('are pruned once, in whichever process, and the trail records it', async () => {
    const ids = [await create(), await create()];
    const [id = '', rotatedLater = ''] = ids;
    for (const key of ['2', '3']) await add(id, key);
    nowMs += dayMs;
    await add(id, '4');
    await add(rotatedLater, '2');
    nowMs += dayMs;
    await until(async () => (await numbers(id)).length === 2);
    expect(await numbers(id)).to.deep.equal([4, 3]);
    expect(await prunings(id)).to.deep.equal(['system 2']);
    expect(await numbers(rotatedLater)).to.deep.equal([2, 1]);
    const { credential } = Object(await one.native('GET', `${credentials}/${id}`));
    expect(Object(credential)).to.include({ etag: '5', current_version: 4 });
    nowMs += dayMs;
    await until(async () => (await numbers(id)).length === 1 && (await numbers(rotatedLater)).length === 1);
    expect(await prunings(id)).to.deep.equal(['system 3', 'system 2']);
    expect(await prunings(rotatedLater)).to.deep.equal(['system 1']);
    const { intact, faults } = await one.native('POST', '/v1/auditTrail:verify', {});
    expect({ intact, faults }).to.deep.equal({ intact: true, faults: [] });
    const { secret } = Object(await one.native('POST', `${credentials}/${id}:reveal`, {}));
    expect(secret).to.deep.equal({ key: '4' });
  });
});
