import { expect } from 'chai';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '../../src/vault/json.ts';
import { parseObject, textOf } from '../support/json.ts';
import { startCofferProcess, type CofferProcess } from '../support/coffer-process.ts';

const rounds = Number(process.env['CRASH_ROUNDS'] ?? 2);
const writers = 16;

interface Acknowledged {
  readonly id: string;
  readonly secret: JsonValue;
}

/** How a create is spelt in a dialect, where its answer has the id, and what the vault then holds. */
interface Create {
  readonly path: (workspace: string) => string;
  readonly body: (name: string, value: string) => JsonValue;
  readonly id: (answer: JsonObject) => string;
  readonly secret: (value: string) => JsonValue;
}

const creates: readonly Create[] = [
  {
    path: () => '/api/v1/credentials/',
    body: (name, value) => ({ name, credentialName: 'openAIApi', credentialData: { openAIApiKey: value } }),
    id: (answer) => textOf(answer, 'id'),
    secret: (value) => ({ openAIApiKey: value }),
  },
  {
    path: () => '/v5/credentials',
    body: (name, value) => ({ type: 'key', name, payload: value }),
    id: (answer) => textOf(answer, 'id'),
    secret: (value) => ({ payload: value }),
  },
  {
    path: (workspace) => `/frontend/workspaces/${workspace}/credentials/api-key`,
    body: (name, value) => ({ name, provider: 'OPENAI', api_key: value }),
    id: (answer) => textOf(answer, 'data', 'id'),
    secret: (value) => ({ api_key: value }),
  },
];

describe('a Coffer that is killed while sixteen writers create through three dialects', function () {
  this.timeout(60_000 * (rounds + 1));
  let dataDir: string;
  let coffer: CofferProcess | undefined;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'coffer-crash-'));
  });

  after(async () => {
    await coffer?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it(`reveals every credential that it acknowledged, after each of ${rounds} kills`, async () => {
    const acknowledged: Acknowledged[] = [];
    for (let round = 0; round < rounds; round += 1) {
      coffer = await startCofferProcess(dataDir);
      await expectAllRevealed(coffer, acknowledged);
      const before = acknowledged.length;
      await writeUntilKilled(coffer, acknowledged, before + randomInt(100, 600));
      expect(acknowledged.length).to.be.greaterThan(before);
    }
    coffer = await startCofferProcess(dataDir);
    await expectAllRevealed(coffer, acknowledged);
    expect(await coffer.stop()).to.equal(0);
  });
});

async function writeUntilKilled(coffer: CofferProcess, acknowledged: Acknowledged[], killAt: number): Promise<void> {
  const workspace = await workspaceOf(coffer);
  let killed: Promise<void> | undefined;
  const write = async (create: Create): Promise<void> => {
    while (!killed) {
      const value = randomBytes(24).toString('base64url');
      const answer = await send(coffer, create.path(workspace), create.body(`key ${value.slice(0, 12)}`, value));
      if (answer === undefined) return;
      acknowledged.push({ id: create.id(answer), secret: create.secret(value) });
      if (acknowledged.length >= killAt) killed ??= coffer.kill();
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, index) => write(at(creates, index % creates.length))));
  await killed;
}

async function expectAllRevealed(coffer: CofferProcess, acknowledged: readonly Acknowledged[]): Promise<void> {
  const queue = acknowledged.values();
  const check = async (): Promise<void> => {
    for (const { id, secret } of queue) {
      const answer = await send(coffer, `/v1/workspaces/default/credentials/${id}:reveal`, {});
      expect(answer).to.deep.include({ secret });
    }
  };
  await Promise.all(Array.from({ length: writers }, check));
}

async function workspaceOf(coffer: CofferProcess): Promise<string> {
  const headers = { authorization: `Bearer ${coffer.adminToken}` };
  const response = await fetch(`${coffer.origin}/v1/whoami`, { headers });
  return textOf(parseObject(await response.text()), 'default_workspace_short_id');
}

/** Undefined where the process is gone; any answer but a success is a failure of the test. */
async function send(coffer: CofferProcess, path: string, body: JsonValue): Promise<JsonObject | undefined> {
  const headers = { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/json' };
  let status: number;
  let text: string;
  try {
    const response = await fetch(coffer.origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
    status = response.status;
    text = await response.text();
  } catch {
    return undefined;
  }
  expect(status, path).to.equal(200);
  return parseObject(text);
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new RangeError(`there is no item ${index}`);
  return item;
}
