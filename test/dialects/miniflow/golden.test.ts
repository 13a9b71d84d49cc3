import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';
import activate from './golden/activate.json' with { type: 'json' };
import createApiKey from './golden/create-api-key.json' with { type: 'json' };
import createSlack from './golden/create-slack.json' with { type: 'json' };
import deactivate from './golden/deactivate.json' with { type: 'json' };
import remove from './golden/delete.json' with { type: 'json' };
import get from './golden/get.json' with { type: 'json' };
import list from './golden/list.json' with { type: 'json' };
import update from './golden/update.json' with { type: 'json' };

interface Golden {
  readonly title: string;
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown };
  readonly response: { readonly status: number; readonly body: unknown };
}

/** Ids and trace ids as the document prints them. */
function normalise({ text }: RestReply): unknown {
  const normal = text
    .replaceAll(/(CRD|WSP|USR)-[0-9A-F]{16}/g, '$1-1234567890ABCDEF')
    .replace(/"traceId":"[^"]+"/, '"traceId":"{{trace_id}}"');
  const body: unknown = JSON.parse(normal);
  return body;
}

describe("miniflow's document", () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let token: string;
  let credentialId: string;

  async function play({ request }: Golden): Promise<RestReply> {
    const workspaceId = coffer.defaultWorkspaceShortId;
    const path = request.path.replace('{{workspace_id}}', workspaceId).replace('{{credential_id}}', credentialId);
    return call({ ...request, path, token });
  }

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    call = restClient(coffer.origin);
    token = await coffer.issueKey({ role: 'EDITOR' });
  });

  after(async () => {
    await coffer.stop();
  });

  for (const golden of [createApiKey, createSlack]) {
    it(`is kept word by word: ${golden.title}`, async () => {
      const reply = await play(golden);
      credentialId = /CRD-[0-9A-F]{16}/.exec(reply.text)?.[0] ?? '';
      expect({ status: reply.status, body: normalise(reply) }).to.deep.equal(golden.response);
      await play(remove);
    });
  }

  for (const golden of [get, list, update, activate, deactivate, remove]) {
    it(`is kept word by word: ${golden.title}`, async () => {
      const created = await play(createApiKey);
      credentialId = /CRD-[0-9A-F]{16}/.exec(created.text)?.[0] ?? '';
      const reply = await play(golden);
      expect({ status: reply.status, body: normalise(reply) }).to.deep.equal(golden.response);
      await play(remove);
    });
  }
});
