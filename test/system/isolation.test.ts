import type { DescMethod } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { formatShortId } from '../../src/vault/ids.ts';
import type { JsonObject, JsonValue } from '../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { textOf } from '../support/json.ts';
import { allRoutes, allServices, type DocumentedRoute } from '../support/routes.ts';

const secretText = 'the-secret-of-another-workspace';
const nameText = 'the-name-of-another-workspace';

/** Members that let a request pass its dialect's validation, whichever rpc it is for. */
const bodyMembers: JsonObject = {
  name: 'mine',
  provider: 'P',
  role: 'VIEWER',
  credentialName: 'openAIApi',
  credentialData: { key: 'mine' },
  service: 'openai',
  key: 'mine',
  label: 'mine',
  auth_type: 'api_key',
  credential_scope: 'workspace',
  credentials: { key: 'mine' },
  type: 'key',
  payload: 'mine',
  api_key: 'mine',
  bot_token: 'xoxb-mine',
};

/** For the native API, which refuses what it does not know. */
const nativeBodies: Readonly<Record<string, JsonObject>> = {
  CreateCredential: { credential: { name: 'mine', provider: 'p' }, secret: { key: 'mine' } },
  UpdateCredential: { name: 'changed' },
  CreateApiKey: { name: 'mine', role: 'VIEWER' },
  AddMember: { member: { user_id: '018cc251-f400-7000-8000-00000000dead', role: 'VIEWER' } },
  Login: { user: 'nobody', password: 'correct horse' },
  ChangePassword: { current_password: 'correct horse', new_password: 'correct horse' },
  CreateUser: { user: { name: 'mine' }, password: 'correct horse' },
  CreateWorkspace: { workspace: { name: 'mine' } },
  AddSecretVersion: { secret: { key: 'mine' } },
  CompareSecretVersions: { version: 1, other_version: 1 },
};

/** What says of a thing that it is absent, where that is no error. */
const answersOfAbsence: Readonly<Record<string, string>> = {
  'flowise.v1.CredentialService.DeleteCredential': '{"raw":[],"affected":0}',
};

/** How a request names what is not the caller's. */
interface Naming {
  readonly title: string;
  readonly workspace: string;
  readonly credential: string;
  readonly credentialName: string;
  readonly apiKey: string;
  readonly user: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const routes = await allRoutes();
const services = await allServices();

/** When a key was last used is told a moment later, whatever it was used for. */
function withoutUses(body: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(body, (name, value: JsonValue) => (name === 'last_used_at' ? undefined : value)));
}

describe('a credential of one workspace, for the admin of another', () => {
  let coffer: TestCoffer;
  let foreign: {
    readonly workspace: string;
    readonly credential: string;
    readonly apiKey: string;
    readonly user: string;
  };
  let own: { readonly workspace: string; readonly token: string };
  let stateBefore: JsonObject;

  before(async () => {
    coffer = await startCoffer();
    foreign = {
      workspace: coffer.defaultWorkspaceId,
      credential: await createCredential(nameText),
      apiKey: await createApiKey(nameText),
      user: textOf(await coffer.native('GET', '/v1/whoami'), 'user_id'),
    };
    const workspace = await coffer.createWorkspace('another');
    own = { workspace, token: await coffer.issueKey({ role: 'ADMIN', workspaceId: workspace }) };
    stateBefore = await state();
  });

  after(async () => {
    await coffer.stop();
  });

  for (const route of routes) {
    it(`is out of reach by ${route.httpMethod} ${route.template} (${route.method.parent.typeName}.${route.method.name})`, async () => {
      for (const naming of namings()) {
        const path = fill(route.template, naming);
        for (const prefix of ['', `/${route.method.parent.file.name.split('/')[0]}`]) {
          await expectOutOfReach(`${naming.title} ${prefix}`, route, await sendRest(route, prefix + path, naming));
        }
      }
      await expectUnchanged();
    });
  }

  for (const method of services.flatMap(({ methods }) => methods)) {
    it(`is out of reach by the rpc ${method.parent.typeName}.${method.name}`, async () => {
      for (const naming of namings()) {
        const response = await sendRpc(method, naming);
        // The name that the caller sent may be repeated in the response; then the status decides.
        if (isByName(method)) expect([403, 404], naming.title).to.include(response.status);
        else await expectOutOfReach(naming.title, undefined, response);
      }
      await expectUnchanged();
    });
  }

  it('can be reached by its admin with the same requests', async () => {
    for (const [index, route] of routes.filter(namesThing).entries()) {
      const credentialName = `own-${index}`;
      const [credential, apiKey] = [await createCredential(credentialName), await createApiKey('own')];
      const naming = {
        title: 'own',
        workspace: spellingFor(route),
        credential,
        credentialName,
        apiKey,
        user: foreign.user,
      };
      await prepare(route.method, credential);
      const response = await sendRest(route, fill(route.template, naming), naming, coffer.adminToken);
      expect(response.ok, `${route.template} answered ${response.status}: ${await response.text()}`).to.equal(true);
    }
  });

  it('is judged by routes and rpcs of all six dialects', () => {
    const packages = new Set(routes.map(({ method }) => method.parent.file.proto.package));
    expect([...packages].toSorted()).to.deep.equal([
      'coffer.v1',
      'fishnet.v1',
      'flowise.v1',
      'mielto.v1',
      'miniflow.v1',
      'scale.v5',
    ]);
    expect(routes.filter(({ template }) => /\{(credential_)?id/.test(template)).length).to.be.greaterThan(8);
  });

  async function createCredential(name: string): Promise<string> {
    const body = { credential: { name, provider: 'p' }, secret: { key: secretText } };
    return textOf(await coffer.native('POST', '/v1/workspaces/default/credentials', body), 'credential', 'id');
  }

  /** Brings a credential into the state that a call is about. */
  async function prepare({ name }: DescMethod, credential: string): Promise<void> {
    const path = `/v1/workspaces/default/credentials/${credential}`;
    if (name === 'UndeleteCredential' || name === 'PurgeCredential') await coffer.native('DELETE', path);
    if (name === 'DestroySecretVersion') await coffer.native('POST', `${path}/versions`, { secret: { key: 'newer' } });
  }

  async function createApiKey(name: string): Promise<string> {
    const body = { name, role: 'VIEWER' };
    return textOf(await coffer.native('POST', '/v1/workspaces/default/apiKeys', body), 'api_key', 'id');
  }

  /** MiniFlow's paths take one spelling alone. */
  function spellingFor(route: DocumentedRoute): string {
    const isMiniflow = route.method.parent.typeName.startsWith('miniflow.');
    return isMiniflow ? coffer.defaultWorkspaceShortId : coffer.defaultWorkspaceId;
  }

  function namings(): readonly Naming[] {
    const { workspace, credential, apiKey, user } = foreign;
    const short = {
      workspace: formatShortId('workspace', workspace),
      credential: formatShortId('credential', credential),
    };
    const headers = { 'x-workspace-id': workspace, 'x-selected-account-id': workspace };
    const named = { credential, credentialName: nameText, apiKey, user };
    return [
      { ...named, title: 'foreign workspace', workspace },
      { ...named, ...short, title: 'foreign workspace, short ids' },
      { ...named, title: 'own workspace', workspace: own.workspace },
      { ...named, ...short, title: 'own workspace, short ids', workspace: formatShortId('workspace', own.workspace) },
      { ...named, title: 'foreign workspace by header', workspace: own.workspace, headers },
    ];
  }

  function sendRest(route: DocumentedRoute, path: string, { headers }: Naming, token = own.token): Promise<Response> {
    const isNative = route.method.parent.file.proto.package === 'coffer.v1';
    const body = isNative ? nativeBodyOf(route.method) : bodyMembers;
    return send(route.httpMethod, path, route.hasBody ? body : undefined, headers, token);
  }

  /** Copies and moves go into the caller's own workspace. */
  function nativeBodyOf({ input, name }: DescMethod): JsonObject {
    const isTransfer = input.fields.some((field) => field.name === 'destination_workspace_id');
    return { ...nativeBodies[name], ...(isTransfer && { destination_workspace_id: own.workspace }) };
  }

  function sendRpc(method: DescMethod, naming: Naming): Promise<Response> {
    const ids: Record<string, string> = {
      workspaceId: naming.workspace,
      credentialId: naming.credential,
      apiKeyId: naming.apiKey,
      userId: naming.user,
      ...(isByName(method) && { name: naming.credentialName }),
    };
    const named = method.input.fields
      .filter(({ localName }) => localName in ids)
      .map(({ localName }) => [localName, ids[localName]]);
    const native = method.parent.file.proto.package === 'coffer.v1' ? nativeBodyOf(method) : undefined;
    const known = new Set(method.input.fields.flatMap(({ name, jsonName }) => [name, jsonName]));
    const rest = Object.entries(bodyMembers).filter(([member]) => known.has(member));
    const body: JsonObject = { ...Object.fromEntries(rest), ...native, ...Object.fromEntries(named) };
    return send('POST', `/${method.parent.typeName}/${method.name}`, body, naming.headers);
  }

  async function send(
    method: string,
    path: string,
    body?: JsonValue,
    extra?: Readonly<Record<string, string>>,
    token = own.token,
  ): Promise<Response> {
    const headers = {
      ...extra,
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const response = await fetch(coffer.origin + path, init);
    if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) return response;
    // A stream may never end.
    await response.body?.cancel();
    return new Response('{}', { status: response.status });
  }

  async function expectUnchanged(): Promise<void> {
    expect(await state()).to.deep.equal(stateBefore);
  }

  async function state(): Promise<JsonObject> {
    return {
      credentials: await coffer.native('GET', `/v1/workspaces/${foreign.workspace}/credentials`),
      apiKeys: withoutUses(await coffer.native('GET', `/v1/workspaces/${foreign.workspace}/apiKeys`)),
      members: await coffer.native('GET', `/v1/workspaces/${foreign.workspace}/members`),
      workspaces: await coffer.native('GET', '/v1/workspaces'),
    };
  }
});

/** Whatever the answer is, it tells nothing; and one to a request that names the thing itself is no success. */
async function expectOutOfReach(title: string, route: DocumentedRoute | undefined, response: Response): Promise<void> {
  const answer = withoutNamed(await response.text());
  expect(answer, title).not.to.include(secretText).and.not.to.include(nameText);
  expect(response.status, title).to.be.lessThan(500);
  if (route && namesThing(route)) {
    const isRefused =
      !response.ok || answersOfAbsence[`${route.method.parent.typeName}.${route.method.name}`] === answer;
    expect(isRefused, `${title}: ${route.template} answered ${answer}`).to.equal(true);
  }
}

/** The event of a denied call repeats what its caller named. */
function withoutNamed(answer: string): string {
  return answer.replaceAll(`"resource_kind":"credential","resource_id":"${nameText}","outcome":"DENIED"`, '');
}

function isByName({ name }: DescMethod): boolean {
  return name.endsWith('ByName');
}

function fill(template: string, naming: Naming): string {
  const values: Record<string, string> = {
    workspace_id: naming.workspace,
    credential_id: naming.credential,
    id: naming.credential,
    api_key_id: naming.apiKey,
    user_id: naming.user,
    'name=**': naming.credentialName,
    version: '1',
    // The name of a component, which is nobody's.
    name: 'openAIApi',
  };
  return template.replace(/\{([a-z_]+(?:=[^}]*)?)\}/g, (_whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the matrix does not know what {${name}} of ${template} is`);
    return value;
  });
}

/** Whether a route is about one credential or API key. */
function namesThing({ template }: DocumentedRoute): boolean {
  return /\{((credential_|api_key_)?id|name=\*\*)\}/.test(template);
}
