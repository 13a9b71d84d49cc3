import { expect } from 'chai';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/vault/json.ts';
import { answerCheck, type AnswerCheck } from '../support/api-document.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, parseObject, textOf } from '../support/json.ts';
import { restClient, type RestCall, type RestReply } from './call-rest.ts';

/** What was stored, as the vault has it. */
interface Stored {
  readonly id: string;
  readonly name: string;
  readonly provider: string;
  readonly secret: JsonObject;
}

/** A request to one dialect, by the path that its document shows. */
interface Route {
  readonly method: string;
  readonly path: string;
  readonly query?: string;
  readonly body?: JsonValue;
}

/** How a credential is stored by a dialect. */
interface Writer {
  readonly dialect: string;
  readonly route: Route;
  readonly stored: Omit<Stored, 'id'>;
  /** Where in the answer its id is. */
  readonly id: readonly string[];
}

/** How a credential is shown by a dialect. */
interface Reader {
  /** Shows the metadata; fishnet has nothing but its list. */
  readonly describe: Route;
  readonly described: (stored: Stored) => JsonObject;
  /** Where the metadata are in the answer. */
  readonly at?: readonly string[];
  /** Shows the secret, where the dialect does at all. */
  readonly reveal?: Route;
  readonly revealed?: (stored: Stored) => JsonValue;
  /** Where the secret is in the answer. */
  readonly secretAt?: readonly string[];
}

const workspaces = '/v1/workspaces/{workspace_id}/credentials';
const miniflow = '/frontend/workspaces/{workspace_id}/credentials';
const marker = '_FLOWISE_BLANK_07167752-1a71-43b1-bf8f-4f32252165db';

const writers: Readonly<Record<string, Writer>> = {
  'the native API': {
    dialect: 'coffer',
    route: {
      method: 'POST',
      path: workspaces,
      body: {
        credential: { name: 'Native', provider: 'openai', auth_type: 'api_key' },
        secret: { token: 'sk-native' },
      },
    },
    stored: { name: 'Native', provider: 'openai', secret: { token: 'sk-native' } },
    id: ['credential', 'id'],
  },
  'the native API, with several fields,': {
    dialect: 'coffer',
    route: {
      method: 'POST',
      path: workspaces,
      body: { credential: { name: 'Several' }, secret: { user: 'u', password: 'p', nested: { port: 5432 } } },
    },
    stored: { name: 'Several', provider: 'custom', secret: { user: 'u', password: 'p', nested: { port: 5432 } } },
    id: ['credential', 'id'],
  },
  flowise: {
    dialect: 'flowise',
    route: {
      method: 'POST',
      path: '/api/v1/credentials/',
      body: { name: 'Flow', credentialName: 'openAIApi', plainDataObj: { openAIApiKey: 'sk-flow' } },
    },
    stored: { name: 'Flow', provider: 'openAIApi', secret: { openAIApiKey: 'sk-flow' } },
    id: ['id'],
  },
  fishnet: {
    dialect: 'fishnet',
    route: { method: 'POST', path: '/api/credentials', body: { service: 'openai', name: 'Fish', key: 'sk-fish' } },
    stored: { name: 'Fish', provider: 'openai', secret: { key: 'sk-fish' } },
    id: ['id'],
  },
  mielto: {
    dialect: 'mielto',
    route: {
      method: 'POST',
      path: '/api/v1/credentials',
      body: {
        label: 'Miel',
        auth_type: 'basic_auth',
        credential_scope: 'workspace',
        provider: 'cohere',
        credentials: { username: 'u', password: 'p' },
      },
    },
    stored: { name: 'Miel', provider: 'cohere', secret: { username: 'u', password: 'p' } },
    id: ['id'],
  },
  scale: {
    dialect: 'scale',
    route: { method: 'POST', path: '/v5/credentials', body: { type: 'key', name: 'Scale', payload: 'sk-scale' } },
    stored: { name: 'Scale', provider: 'custom', secret: { payload: 'sk-scale' } },
    id: ['id'],
  },
  miniflow: {
    dialect: 'miniflow',
    route: {
      method: 'POST',
      path: `${miniflow}/api-key`,
      body: { name: 'Mini', provider: 'openai', api_key: 'sk-mini' },
    },
    stored: { name: 'Mini', provider: 'OPENAI', secret: { api_key: 'sk-mini' } },
    id: ['data', 'id'],
  },
  'miniflow, for Slack,': {
    dialect: 'miniflow',
    route: {
      method: 'POST',
      path: `${miniflow}/slack`,
      body: { name: 'Slack', bot_token: 'xoxb-1', signing_secret: 's', app_token: 'xapp-1' },
    },
    stored: {
      name: 'Slack',
      provider: 'SLACK',
      secret: { bot_token: 'xoxb-1', signing_secret: 's', app_token: 'xapp-1' },
    },
    id: ['data', 'id'],
  },
};

const readers: Readonly<Record<string, Reader>> = {
  coffer: {
    describe: { method: 'GET', path: `${workspaces}/{credential_id}` },
    described: ({ id, name, provider }) => ({ id, name, provider, state: 'ACTIVE' }),
    at: ['credential'],
    reveal: { method: 'POST', path: `${workspaces}/{credential_id}:reveal`, body: {} },
    revealed: ({ secret }) => secret,
    secretAt: ['secret'],
  },
  flowise: {
    describe: { method: 'GET', path: '/api/v1/credentials/{credential_id}' },
    described: ({ id, name, provider }) => ({ id, name, credentialName: provider }),
    reveal: { method: 'GET', path: '/api/v1/credentials/{credential_id}/reveal' },
    revealed: ({ secret }) => Object.fromEntries(Object.keys(secret).map((field) => [field, marker])),
    secretAt: ['plainDataObj'],
  },
  fishnet: {
    describe: { method: 'GET', path: '/api/credentials' },
    described: ({ id, name, provider }) => ({ id, name, service: provider }),
  },
  mielto: {
    describe: { method: 'GET', path: '/api/v1/credentials/{credential_id}' },
    described: ({ id, name, provider }) => ({ id, label: name, provider, status: 'active' }),
  },
  scale: {
    describe: { method: 'GET', path: '/v5/credentials/{credential_id}' },
    described: ({ id, name }) => ({ id, name, object: 'credential' }),
    reveal: { method: 'POST', path: '/v5/credentials/{credential_id}/secret' },
    revealed: ({ secret }) => oneText(secret),
    secretAt: ['result'],
  },
  miniflow: {
    describe: { method: 'GET', path: `${miniflow}/{credential_id}` },
    described: ({ id, name, provider }) => ({
      id: `CRD-${id.replaceAll('-', '').slice(-16).toUpperCase()}`,
      name,
      credential_provider: provider.toUpperCase(),
      is_active: true,
      credential_data: null,
    }),
    at: ['data'],
    reveal: { method: 'GET', path: `${miniflow}/{credential_id}`, query: '?include_secret=true' },
    revealed: ({ secret }) => secret,
    secretAt: ['data', 'credential_data'],
  },
};

describe('what one dialect writes, the others read:', () => {
  let coffer: TestCoffer;
  let call: (request: RestCall) => Promise<RestReply>;
  const tokens = new Map<string, string>();
  const checks = new Map<string, AnswerCheck>();
  const stored = new Map<string, Stored>();

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    call = restClient(coffer.origin);
    for (const dialect of Object.keys(readers)) {
      tokens.set(dialect, await coffer.issueKey({ role: 'EDITOR', dialect }));
      checks.set(dialect, answerCheck(parseObject((await call({ path: `/openapi/${dialect}.json` })).text)));
    }
    for (const [title, writer] of Object.entries(writers)) stored.set(title, await write(writer));
  });

  after(() => coffer.stop());

  for (const title of Object.keys(writers)) {
    for (const [dialect, reader] of Object.entries(readers)) {
      it(`${title} writes, ${dialect} shows`, async () => {
        const expected = storedBy(title);
        const { body, text } = await send(dialect, reader.describe, expected.id);
        const shown = pick(body, reader.at ?? [], expected.id);
        expect(shown).to.deep.include(reader.described(expected));
        for (const value of secretTexts(expected.secret)) expect(text).not.to.include(value);
      });

      const { reveal, revealed, secretAt } = reader;
      if (!reveal || !revealed || !secretAt) continue;
      it(`${title} writes, ${dialect} reveals`, async () => {
        const expected = storedBy(title);
        const { body } = await send(dialect, reveal, expected.id);
        expect(memberOf(body, ...secretAt)).to.deep.equal(revealed(expected));
      });
    }
  }

  async function write({ dialect, id, route, stored: facts }: Writer): Promise<Stored> {
    const { body } = await send(dialect, route, '');
    const named = textOf(body, ...id);
    const { credential } = await coffer.native('GET', `/v1/workspaces/default/credentials/${named}`);
    expect(credential).to.include({ origin: dialect });
    return { ...facts, id: textOf(credential, 'id') };
  }

  /** Sends a request; its answer must be a success, and as the dialect's API document has it. */
  async function send(dialect: string, { body, method, path, query = '' }: Route, id: string) {
    const filled = path.replace('{workspace_id}', coffer.defaultWorkspaceShortId).replace('{credential_id}', id);
    const token = tokens.get(dialect) ?? '';
    const reply = await call({ method, path: filled + query, token, ...(body !== undefined && { body }) });
    expect(reply.status, reply.text).to.be.within(200, 201);
    const complaints = checks.get(dialect)?.({ method, path, status: reply.status }, reply.body);
    expect(complaints?.filter((complaint) => !silentOfNulls.test(complaint))).to.deep.equal([]);
    const answer: JsonValue = JSON.parse(reply.text);
    return { body: answer, text: reply.text };
  }

  function storedBy(title: string): Stored {
    const found = stored.get(title);
    if (!found) throw new Error(`${title} stored nothing`);
    return found;
  }
});

/** Scale's published document does not say that these may be null; its clients take null. */
const silentOfNulls = /^\/(items\/\d+\/)?(description must be string|credential_metadata must be object)$/;

/** The metadata in an answer; of a list those with that id. */
function pick(body: JsonValue, at: readonly string[], id: string): JsonValue {
  if (!Array.isArray(body)) return memberOf(body, ...at);
  const item: JsonValue = body.find((one: JsonValue) => isJsonObject(one) && one['id'] === id) ?? null;
  return item;
}

/** Scale shows one text: that of the only field, else the JSON of all. */
function oneText(secret: JsonObject): string {
  const [first, second] = Object.values(secret);
  return typeof first === 'string' && second === undefined ? first : JSON.stringify(secret);
}

/** The texts of a secret that are long enough not to be found by chance. */
function secretTexts(secret: JsonObject): string[] {
  return Object.values(secret).flatMap((value) => (typeof value === 'string' && value.length > 3 ? [value] : []));
}
