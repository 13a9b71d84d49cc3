import { expect } from 'chai';
import type { JsonObject } from '../../src/vault/json.ts';
import { parseObject, textOf } from './json.ts';

/** Where a Coffer serves, and the key that may do everything there. */
export interface Served {
  readonly origin: string;
  readonly adminToken: string;
}

interface KnownSecret {
  readonly path: string;
  readonly version: number;
  readonly value: string;
}

/** How much a vault is filled with. */
export interface Filling {
  readonly workspaces: number;
  /** In each workspace. */
  readonly credentials: number;
  /** Of each credential; each has a secret of its own. */
  readonly versions: number;
}

const one = { credentials: 1, versions: 1 };

/** A vault whose secrets are known, so that a test sees whether each of them still opens to its value. */
export class SeededVault {
  readonly workspaceIds: string[] = [];
  readonly #secrets: KnownSecret[] = [];

  /** Makes workspaces with credentials through the native API. */
  static async fill(at: Served, { workspaces, ...content }: Filling): Promise<SeededVault> {
    const vault = new SeededVault();
    for (let count = 0; count < workspaces; count += 1) await vault.addWorkspace(at, content);
    return vault;
  }

  /** @returns the id of the workspace */
  async addWorkspace(at: Served, { credentials, versions }: Omit<Filling, 'workspaces'> = one): Promise<string> {
    const name = crypto.randomUUID();
    const workspace = textOf(await post(at, '/v1/workspaces', { workspace: { name } }), 'workspace', 'id');
    this.workspaceIds.push(workspace);
    const created = Array.from({ length: credentials }, () => this.addCredential(at, workspace, versions));
    await Promise.all(created);
    return workspace;
  }

  /** @returns the id of the credential */
  async addCredential(at: Served, workspace: string, versions = 1): Promise<string> {
    const credentials = `/v1/workspaces/${workspace}/credentials`;
    const first = crypto.randomUUID();
    const body = { credential: { name: `of ${first}` }, secret: { api_key: first } };
    const id = textOf(await post(at, credentials, body), 'credential', 'id');
    const path = `${credentials}/${id}:reveal`;
    this.#secrets.push({ path, version: 1, value: first });
    for (let version = 2; version <= versions; version += 1) {
      const value = crypto.randomUUID();
      await post(at, `${credentials}/${id}/versions`, { secret: { api_key: value } });
      this.#secrets.push({ path, version, value });
    }
    return id;
  }

  get secretCount(): number {
    return this.#secrets.length;
  }

  /** Reveals every version of every secret. */
  async expectRevealed(at: Served): Promise<void> {
    const secrets = [...this.#secrets];
    const revealed = await Promise.all(secrets.map(({ path, version }) => post(at, path, { version })));
    const values = revealed.map((answer) => textOf(answer, 'secret', 'api_key'));
    expect(values).to.deep.equal(secrets.map(({ value }) => value));
  }
}

async function post({ adminToken, origin }: Served, path: string, body: JsonObject): Promise<JsonObject> {
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const response = await fetch(origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = parseObject(await response.text());
  if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${textOf(answer, 'message')}`);
  return answer;
}
