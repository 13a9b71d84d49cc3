import { expect } from 'chai';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, textOf } from '../support/json.ts';
import { restClient, type RestCall, type RestReply } from './call-rest.ts';
import { creators, miniflowPath, pairProviders, rotators, type Creation, type Rotation } from './pair-requests.ts';
import { expectView, viewOf, type View } from './credential-views.ts';

/** One credential: created by one dialect, rotated by another, renamed by a third. */
interface Pair {
  readonly title: string;
  readonly name: string;
  readonly creation: Creation;
  readonly rotation: Rotation;
  readonly renamer: string;
  readonly mayReveal: boolean;
}

const renamers = ['coffer', 'flowise', 'mielto', 'scale', 'miniflow'];

/** So many pairs are worked on at once. */
const pairsAtOnce = 32;

describe('a credential that one dialect creates, another rotates and a third renames', () => {
  let coffer: TestCoffer;
  let call: (request: RestCall) => Promise<RestReply>;
  let withoutReveal: string;
  const views = new Map<string, readonly [created: View, rotated: View, renamed: View]>();
  const pairs = allPairs();

  before(async function () {
    coffer = await startCoffer();
    const send = restClient(coffer.origin);
    const token = await coffer.issueKey({ role: 'EDITOR' });
    withoutReveal = await coffer.issueKey({ role: 'EDITOR', withoutReveal: true });
    call = async (request) => {
      const reply = await send({ token, ...request });
      expect(reply.status, `${request.method} ${request.path}: ${reply.text}`).to.be.within(200, 201);
      return reply;
    };
    const waiting = [...pairs];
    const work = async () => {
      for (let pair = waiting.shift(); pair; pair = waiting.shift()) views.set(pair.title, await run(pair));
    };
    await Promise.all(Array.from({ length: pairsAtOnce }, work));
  });

  after(() => coffer?.stop());

  for (const { title, name, creation, rotation } of pairs) {
    it(title, () => {
      const [created, rotated, renamed] = views.get(title) ?? [];
      expectView(created, name, creation, creation.secret);
      expectView(rotated, name, creation, rotation.after);
      expectView(renamed, `${name} renamed`, creation, rotation.after);
    });
  }

  it('is in the list of Fishnet under its last name and its provider', async () => {
    const { body } = await call({ path: '/fishnet/api/credentials' });
    const listed = new Map(items(body).map((item) => [item['name'], item['service']]));
    const expected = pairs.map(({ name, creation }) => [`${name} renamed`, creation.provider]);
    expect(pairs.map(({ name }) => [`${name} renamed`, listed.get(`${name} renamed`)])).to.deep.equal(expected);
  });

  async function run({ name, creation, rotation, renamer, mayReveal }: Pair) {
    const token = mayReveal ? {} : { token: withoutReveal };
    const answered = await answerOf({ ...token, ...creation.request(name, coffer.defaultWorkspaceId) });
    const id = await idOf(textOf(answered, ...creation.id));
    const created = await viewOf(coffer.defaultWorkspaceId, answerOf, id);
    await call({ ...token, ...rotation.request(id) });
    const rotated = await viewOf(coffer.defaultWorkspaceId, answerOf, id);
    await call({ ...token, ...(await renaming(renamer, id, `${name} renamed`)) });
    return [created, rotated, await viewOf(coffer.defaultWorkspaceId, answerOf, id)] as const;
  }

  /** The UUID, however the dialect writes it. */
  async function idOf(text: string): Promise<string> {
    return textOf(await answerOf({ path: `/v1/workspaces/default/credentials/${text}` }), 'credential', 'id');
  }

  async function answerOf(request: RestCall): Promise<JsonValue> {
    const value: JsonValue = JSON.parse((await call(request)).text);
    return value;
  }

  /** As each dialect's own clients rename: with what the dialect showed before. */
  async function renaming(dialect: string, id: string, name: string): Promise<RestCall> {
    if (dialect === 'coffer') return requestOf('PATCH', `/v1/workspaces/default/credentials/${id}`, { name });
    if (dialect === 'miniflow') return requestOf('PUT', `${miniflowPath(coffer.defaultWorkspaceId)}/${id}`, { name });
    if (dialect === 'scale') {
      const shown = await answerOf({ path: `/scale/v5/credentials/${id}` });
      return requestOf('PATCH', `/scale/v5/credentials/${id}`, { name, type: memberOf(shown, 'type') });
    }
    if (dialect === 'mielto') {
      const path = `/mielto/api/v1/credentials/${id}`;
      const shown = await answerOf({ path });
      const [provider, authType] = [memberOf(shown, 'provider'), memberOf(shown, 'auth_type')];
      return requestOf('PUT', path, { label: name, provider, auth_type: authType });
    }
    // Flowise's page sends back the name of the component that it was shown, and the markers.
    const path = `/flowise/api/v1/credentials/${id}`;
    const shown = await answerOf({ path });
    const component = await answerOf({
      path: `/flowise/api/v1/components-credentials/${textOf(shown, 'credentialName')}`,
    });
    const [credentialName, plainDataObj] = [memberOf(component, 'name'), memberOf(shown, 'plainDataObj')];
    return requestOf('PUT', path, { name, credentialName, plainDataObj });
  }
});

/** Every pair of a dialect that stores and one that rotates; which one renames goes round. */
function allPairs(): Pair[] {
  const creations = pairProviders.flatMap((provider) =>
    ([1, 2] as const).flatMap((fields) =>
      Object.entries(creators).flatMap(([creator, create]) => {
        const creation = create(provider, fields);
        return creation ? [{ provider, fields, creator, creation }] : [];
      }),
    ),
  );
  const rotations = creations.flatMap((made) =>
    Object.entries(rotators).flatMap(([rotator, rotate]) =>
      [true, false].map((mayReveal) => Object.assign({ rotator, mayReveal, rotate }, made)),
    ),
  );
  return rotations.map(({ provider, fields, creator, creation, rotator, mayReveal, rotate }, index) => {
    const renamer = renamers[index % renamers.length] ?? '';
    const secret = `a secret of ${fields === 1 ? 'one field' : 'two fields'}`;
    const title = `${provider.title}, ${secret}, ${mayReveal ? 'with' : 'without'} reveal: ${creator}, ${rotator}, ${renamer}`;
    return { title, name: title, creation, rotation: rotate(provider, creation.secret), renamer, mayReveal };
  });
}

function requestOf(method: string, path: string, body: JsonObject): RestCall {
  return { method, path, body };
}

function items(body: unknown): JsonObject[] {
  const value: JsonValue = JSON.parse(JSON.stringify(body));
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
