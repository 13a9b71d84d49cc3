import { expect } from 'chai';
import type { JsonObject, JsonValue } from '../../src/vault/json.ts';
import { isJsonObject } from '../../src/vault/json.ts';
import { restClient, type RestCall } from '../dialects/call-rest.ts';
import { expectView, viewOf } from '../dialects/credential-views.ts';
import type { TestCoffer } from '../support/coffer.ts';
import { memberOf, textOf } from '../support/json.ts';

/** What a credential must be in every dialect. */
export interface ExpectedCredential {
  readonly name: string;
  readonly provider: string;
  readonly secret: Readonly<Record<string, string>>;
}

/** Looks at what the page has done, by the other dialects. */
export class VaultChecks {
  readonly #workspaceId: string;
  readonly #send: ReturnType<typeof restClient>;
  readonly #token: string;

  constructor({ origin, defaultWorkspaceId }: TestCoffer, token: string) {
    this.#send = restClient(origin);
    this.#workspaceId = defaultWorkspaceId;
    this.#token = token;
  }

  /** Sends a request that must succeed. */
  readonly answerOf = async (request: RestCall): Promise<JsonValue> => {
    const { status, text } = await this.#send({ token: this.#token, ...request });
    expect(status, `${request.path}: ${text}`).to.be.within(200, 201);
    const value: JsonValue = JSON.parse(text);
    return value;
  };

  async idOf(name: string): Promise<string> {
    return textOf(await this.answerOf({ path: `/scale/v5/credentials/name/${encodeURIComponent(name)}` }), 'id');
  }

  async secretOf(id: string): Promise<Record<string, string>> {
    const path = `/v1/workspaces/default/credentials/${id}:reveal`;
    const secret = memberOf(await this.answerOf({ method: 'POST', path, body: {} }), 'secret');
    if (!isJsonObject(secret)) throw new Error('a secret is an object');
    return Object.fromEntries(Object.keys(secret).map((field) => [field, textOf(secret, field)]));
  }

  /** Every dialect shows the name, the provider and the secret, each in its own form. */
  async expectEverywhere(id: string, { name, provider, secret }: ExpectedCredential): Promise<void> {
    expectView(await viewOf(this.#workspaceId, this.answerOf, id), name, { provider }, secret);
    expect(await this.#namesInFishnet()).to.include(name);
  }

  /** No dialect has it any more. */
  async expectNowhere(id: string, name: string): Promise<void> {
    const paths = ['/v1/workspaces/default', '/flowise/api/v1', '/mielto/api/v1', '/scale/v5'];
    for (const path of paths) {
      const { status } = await this.#send({ token: this.#token, path: `${path}/credentials/${id}` });
      expect(status, path).to.equal(404);
    }
    expect(await this.#namesInFishnet()).to.not.include(name);
  }

  async #namesInFishnet(): Promise<JsonValue[]> {
    const listed = await this.answerOf({ path: '/fishnet/api/credentials' });
    const items: readonly JsonValue[] = Array.isArray(listed) ? listed : [];
    return items.filter((item): item is JsonObject => isJsonObject(item)).map((item) => memberOf(item, 'name'));
  }
}
