import { expect } from 'chai';
import type { JsonObject, JsonValue } from '../../src/vault/json.ts';
import { memberOf } from '../support/json.ts';
import type { RestCall } from './call-rest.ts';
import { miniflowPath } from './pair-requests.ts';
import { payloadOf } from './secret-writers.ts';

/** What all dialects show of a credential. */
export interface View {
  readonly names: Readonly<Record<string, JsonValue>>;
  readonly providers: Readonly<Record<string, JsonValue>>;
  /** In Flowise, the names of its fields. */
  readonly secrets: Readonly<Record<string, JsonValue>>;
  /** The views that never show a value, as they were answered. */
  readonly hiding: string;
}

/** Sends a request that must succeed, and answers its body. */
export type AnswerOf = (request: RestCall) => Promise<JsonValue>;

/** Reads a credential by every dialect that shows one by its id. */
export async function viewOf(workspaceId: string, answerOf: AnswerOf, id: string): Promise<View> {
  const [metadata, revealed, flowise, mielto, scale, payload, miniflow] = await Promise.all([
    answerOf({ path: `/v1/workspaces/default/credentials/${id}` }),
    answerOf({ method: 'POST', path: `/v1/workspaces/default/credentials/${id}:reveal`, body: {} }),
    answerOf({ path: `/flowise/api/v1/credentials/${id}` }),
    answerOf({ path: `/mielto/api/v1/credentials/${id}` }),
    answerOf({ path: `/scale/v5/credentials/${id}` }),
    answerOf({ method: 'POST', path: `/scale/v5/credentials/${id}/secret` }),
    answerOf({ path: `${miniflowPath(workspaceId)}/${id}?include_secret=true` }),
  ]);
  return {
    names: {
      coffer: memberOf(metadata, 'credential', 'name'),
      flowise: memberOf(flowise, 'name'),
      mielto: memberOf(mielto, 'label'),
      scale: memberOf(scale, 'name'),
      miniflow: memberOf(miniflow, 'data', 'name'),
    },
    providers: {
      coffer: memberOf(metadata, 'credential', 'provider'),
      flowise: memberOf(flowise, 'credentialName'),
      mielto: memberOf(mielto, 'provider'),
      miniflow: memberOf(miniflow, 'data', 'credential_provider'),
    },
    secrets: {
      coffer: memberOf(revealed, 'secret'),
      flowise: Object.keys(Object(memberOf(flowise, 'plainDataObj'))),
      scale: memberOf(payload, 'result'),
      miniflow: memberOf(miniflow, 'data', 'credential_data'),
    },
    hiding: JSON.stringify([metadata, flowise, mielto, scale]),
  };
}

/** What each of them must show of a credential with such a secret. */
export function expectView(
  view: View | undefined,
  name: string,
  { provider }: { readonly provider: string },
  secret: JsonObject,
): void {
  expect(view?.names).to.deep.equal({ coffer: name, flowise: name, mielto: name, scale: name, miniflow: name });
  expect(view?.providers).to.deep.equal({
    coffer: provider,
    flowise: provider,
    mielto: provider,
    miniflow: provider.toUpperCase(),
  });
  expect(view?.secrets).to.deep.equal({
    coffer: secret,
    flowise: Object.keys(secret),
    scale: payloadOf(secret),
    miniflow: secret,
  });
  const values = Object.values(secret).filter((value) => value !== '');
  for (const value of values) expect(view?.hiding).to.not.include(value);
}
