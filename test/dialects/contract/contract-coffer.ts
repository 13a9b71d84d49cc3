import { expect } from 'chai';
import { formatShortId } from '../../../src/vault/ids.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { allBoundRpcs, nameOfRpc } from '../../support/bound-rpcs.ts';
import { textOf } from '../../support/json.ts';
import { allRoutes, dialectOf, type DocumentedRoute } from '../../support/routes.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';
import { contractDialects, type ContractDialect, type Refusal } from './dialects.ts';

/** Never in an answer but to a reveal. */
export const secretText = 'never-to-be-shown';

/** The secret of the request that a refusal answers is not repeated either. */
export function expectRefusal({ status, body, text }: RestReply, expected: Refusal, title = ''): void {
  expect(status, `${title} ${text}`).to.equal(expected.status);
  if (expected.isPart) expect(body, title).to.deep.include(expected.body);
  else expect(body, title).to.deep.equal(expected.body);
  expect(text, title).not.to.include(secretText);
}

const kinds = new Map(allBoundRpcs().map(({ rpc }) => [nameOfRpc(rpc.method), rpc.access.kind]));
const routes = await allRoutes();

/** The routes that work in a workspace, of every dialect. */
export const workspaceRoutes = routes.filter(({ method }) => kinds.get(nameOfRpc(method)) === 'workspace');

/** Those that name a credential by its id. */
export const credentialRoutes = workspaceRoutes.filter(({ template }) => /\{(credential_)?id\}/.test(template));

/** Such as `scale GET /v5/credentials/{credential_id} (GetCredential)`. */
export function titleOf(route: DocumentedRoute): string {
  return `${dialectOf(route)} ${route.httpMethod} ${route.template} (${route.method.name})`;
}

/** The dialect of a route. */
export function contractOf(route: DocumentedRoute): ContractDialect {
  return contractDialects[dialectOf(route)] ?? expect.fail(`there is no contract of ${dialectOf(route)}`);
}

/** A Coffer, and requests that each dialect has in common. */
export interface ContractCoffer {
  readonly coffer: TestCoffer;
  /** Of an EDITOR of the default workspace. */
  readonly token: string;
  readonly call: (call: RestCall) => Promise<RestReply>;
  /** The request of a create. */
  readonly creation: (dialect: string, name: string, workspaceId?: string) => RestCall;
  /** Creates a credential through a dialect, and answers its id as the native API gives it. */
  readonly create: (dialect: string, name: string) => Promise<string>;
  /** Creates a credential in a workspace that the caller is not in, and answers its workspace and id. */
  readonly createElsewhere: () => Promise<{ readonly workspaceId: string; readonly id: string }>;
}

export async function startContractCoffer(): Promise<ContractCoffer> {
  const coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
  const call = restClient(coffer.origin);
  const token = await coffer.issueKey({ role: 'EDITOR' });
  const creation: ContractCoffer['creation'] = (dialect, name, workspaceId = coffer.defaultWorkspaceId) => {
    const { collection, create } = contractDialects[dialect] ?? expect.fail(dialect);
    const path = collection.replace('{workspace}', formatShortId('workspace', workspaceId));
    return { method: 'POST', path: `/${dialect}${path}${create.suffix}`, token, body: create.body(name, secretText) };
  };
  const createOver: ContractCoffer['create'] = async (dialect, name) => {
    const reply = await call(creation(dialect, name));
    expect(reply.status, reply.text).to.be.within(200, 201);
    expect(reply.text).not.to.include(secretText);
    return /"id":"([^"]+)"/.exec(reply.text)?.[1] ?? expect.fail(reply.text);
  };
  return {
    coffer,
    token,
    call,
    creation,
    create: createOver,
    createElsewhere: async () => {
      const workspaceId = await coffer.createWorkspace('elsewhere');
      const path = `/v1/workspaces/${workspaceId}/credentials`;
      const body = { credential: { name: 'elsewhere' }, secret: { api_key: secretText } };
      return { workspaceId, id: textOf(await coffer.native('POST', path, body), 'credential', 'id') };
    },
  };
}
