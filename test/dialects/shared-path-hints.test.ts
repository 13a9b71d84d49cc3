import { expect } from 'chai';
import { pino } from 'pino';
import type { Caller } from '../../src/vault/caller.ts';
import { SharedPathHints } from '../../src/dialects/shared-paths.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { restClient, type RestCall, type RestReply } from './call-rest.ts';

function callerOf(id: string): Caller {
  return {
    kind: 'api_key',
    id,
    name: 'a key',
    userId: id,
    isOwner: false,
    defaultWorkspaceId: id,
    grants: [],
    authentication: 'api_key',
    sessionId: null,
    expiresAt: null,
    dialect: null,
  };
}

describe('the hint at a path that dialects share', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let nowMs = Date.UTC(2024, 0, 1);
  const hints: string[] = [];

  before(async () => {
    const log = pino(
      { level: 'warn' },
      { write: (line: string) => void (/"apiKeyId"/.test(line) && hints.push(line)) },
    );
    coffer = await startCoffer({ now: () => new Date(nowMs), log });
    call = restClient(coffer.origin);
  });
  beforeEach(() => hints.splice(0));
  after(() => coffer.stop());

  /** Without the slash in Mielto's form, with it in Flowise's. */
  async function askBoth(token: string, prefix = ''): Promise<void> {
    for (const path of ['/api/v1/credentials', '/api/v1/credentials/']) await call({ path: prefix + path, token });
  }

  it('is logged for a key that is answered in both forms, at most once an hour', async () => {
    const token = await coffer.issueKey({ role: 'VIEWER' });
    await call({ path: '/api/v1/credentials', token });
    expect(hints).to.deep.equal([]);
    await askBoth(token);
    await askBoth(token);
    expect(hints).to.have.length(1);
    expect(hints[0]).to.contain('"dialects":["flowise","mielto"]').and.not.contain(token);
    nowMs += 3_599_999;
    await askBoth(token);
    expect(hints).to.have.length(1);
    nowMs += 1;
    await askBoth(token);
    expect(hints).to.have.length(2);
  });

  it('is not needed by a key of one dialect, nor below a prefix', async () => {
    await askBoth(await coffer.issueKey({ role: 'VIEWER', dialect: 'flowise' }));
    const token = await coffer.issueKey({ role: 'VIEWER' });
    await askBoth(token, '/flowise');
    await askBoth(token, '/mielto');
    expect(hints).to.deep.equal([]);
  });

  it('forgets the oldest of very many keys', () => {
    const logged: object[] = [];
    const many = new SharedPathHints({
      clock: { now: () => new Date(0) },
      log: { warn: (line: object) => void logged.push(line) },
    });
    many.record(callerOf('first'), 'flowise');
    for (let index = 0; index < 1_000; index += 1) many.record(callerOf(`key ${index}`), 'flowise');
    many.record(callerOf('first'), 'mielto');
    expect(logged).to.deep.equal([]);
    many.record(callerOf('key 999'), 'mielto');
    expect(logged).to.have.length(1);
  });
});
