import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { memberOf, parseObject, textOf } from '../../support/json.ts';
import { restClient } from '../call-rest.ts';

describe('a use of a credential of miniflow', () => {
  let coffer: TestCoffer;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
  });

  after(async () => {
    await coffer.stop();
  });

  async function lastUseOf(path: string): Promise<unknown> {
    const reply = await restClient(coffer.origin)({ path, token: coffer.adminToken });
    return memberOf(parseObject(reply.text), 'data', 'last_used_at');
  }

  /** Uses are written each second, and at the end. */
  async function restart(): Promise<void> {
    const { database, environment } = coffer;
    await coffer.stop();
    coffer = await startCoffer({ database, environment, now: () => new Date('2024-01-02T00:00:00Z') });
  }

  it('is a get with include_secret=true, and not one without', async () => {
    const base = `/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials`;
    const body = { name: 'Used', api_key: 'sk-1', provider: 'openai' };
    const request = { method: 'POST', path: `${base}/api-key`, token: coffer.adminToken, body };
    const path = `${base}/${textOf(parseObject((await restClient(coffer.origin)(request)).text), 'data', 'id')}`;

    expect(await lastUseOf(path)).to.equal(null);
    await restart();
    expect(await lastUseOf(path)).to.equal(null);
    await lastUseOf(`${path}?include_secret=true`);
    await restart();
    expect(await lastUseOf(path)).to.equal('2024-01-02T00:00:00Z');
  });
});
