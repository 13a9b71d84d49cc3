import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CreateCredentialRequestSchema,
  CreateCredentialResponseSchema,
} from '../../gen/coffer/v1/credential_service_pb.ts';
import { RevealSecretRequestSchema } from '../../gen/coffer/v1/secret_service_pb.ts';
import type { Caller } from './caller.ts';
import { createPath, GrpcCaller, revealPath } from './grpc-client.ts';
import { HttpCaller, type HttpRequest } from './http-client.ts';

/** The servers of a run: Coffer, and the floors F1 to F3. */
export const serverNames = ['F1', 'F2', 'F3', 'Coffer'] as const;

/** One of them. */
export type ServerName = (typeof serverNames)[number];

/** Where a server is, and how to call it; a floor knows neither callers nor workspaces. */
export interface Target {
  readonly origin: string;
  readonly token?: string;
  readonly workspaceId: string;
  readonly workspaceShortId: string;
}

/** What is asked of one server by one protocol. */
export interface Scenario {
  /** Unique: the server's name, where it is a floor, the protocol, the call. */
  readonly name: string;
  readonly server: ServerName;
  /** The name of the scenario that creates the credentials asked for; none where nothing has to be there. */
  readonly seededBy?: string;
  /** Whether its answers hold the secret; those of the others must not. */
  readonly reveals: boolean;
  /** Opens one connection. */
  open(target: Target, ids: readonly string[]): Promise<Caller>;
  /** The id in the answer to a creation. */
  idOf(answer: Buffer): string;
}

type Call = Omit<HttpRequest, 'token'>;

interface HttpScenario {
  readonly name: string;
  readonly server: ServerName;
  readonly seededBy?: string;
  readonly request: (at: { readonly target: Target; readonly name: string; readonly id: string }) => Call;
}

// 200 bytes of JSON, about what an API key with its frame has.
const secretText = 'sk-'.padEnd(186, '0123456789');
const secret = { api_key: secretText };
const secretJson = JSON.stringify(secret);
const pageSize = 50;

const workspaces = '/v1/workspaces';

const overHttp: readonly HttpScenario[] = [
  {
    name: 'F1 create',
    server: 'F1',
    request: ({ name }) => post('/', `{"name":"${name}","secret":${secretJson}}`),
  },
  {
    name: 'REST create',
    server: 'Coffer',
    request: ({ target, name }) =>
      post(
        `${workspaces}/${target.workspaceId}/credentials`,
        `{"credential":{"name":"${name}","provider":"openai","auth_type":"api_key"},"secret":${secretJson}}`,
      ),
  },
  { name: 'F1 read', server: 'F1', seededBy: 'F1 create', request: ({ id }) => get(`/${id}`) },
  {
    name: 'REST reveal',
    server: 'Coffer',
    seededBy: 'REST create',
    request: ({ target, id }) => post(`${workspaces}/${target.workspaceId}/credentials/${id}:reveal`, '{}'),
  },
  {
    name: 'REST describe',
    server: 'Coffer',
    seededBy: 'REST create',
    request: ({ target, id }) => get(`${workspaces}/${target.workspaceId}/credentials/${id}`),
  },
  {
    name: 'REST list',
    server: 'Coffer',
    seededBy: 'REST create',
    request: ({ target }) => get(`${workspaces}/${target.workspaceId}/credentials?page_size=${pageSize}`),
  },
  {
    name: 'Scale create',
    server: 'Coffer',
    request: ({ name }) => post('/v5/credentials', `{"type":"key","name":"${name}","payload":"${secretText}"}`),
  },
  {
    name: 'Scale reveal',
    server: 'Coffer',
    seededBy: 'Scale create',
    request: ({ id }) => post(`/v5/credentials/${id}/secret`, '{}'),
  },
  {
    name: 'MiniFlow create',
    server: 'Coffer',
    request: ({ target, name }) =>
      post(
        `/frontend/workspaces/${target.workspaceShortId}/credentials/api-key`,
        `{"name":"${name}","provider":"OPENAI","api_key":"${secretText}"}`,
      ),
  },
  {
    name: 'MiniFlow reveal',
    server: 'Coffer',
    seededBy: 'MiniFlow create',
    request: ({ target, id }) =>
      get(`/frontend/workspaces/${target.workspaceShortId}/credentials/${id}?include_secret=true`),
  },
  { name: 'F2 create', server: 'F2', request: connectCreate },
  { name: 'Connect create', server: 'Coffer', request: connectCreate },
  { name: 'F2 reveal', server: 'F2', seededBy: 'F2 create', request: connectReveal },
  { name: 'Connect reveal', server: 'Coffer', seededBy: 'Connect create', request: connectReveal },
];

/** All, each floor beside what is compared with it, since the machine changes as a round goes on. */
export const scenarios: readonly Scenario[] = [
  ...overHttp.map(httpScenario),
  grpcCreate('F3 create', 'F3'),
  grpcCreate('gRPC create', 'Coffer'),
  grpcReveal('F3 reveal', 'F3', 'F3 create'),
  grpcReveal('gRPC reveal', 'Coffer', 'gRPC create'),
];

function httpScenario({ request, ...scenario }: HttpScenario): Scenario {
  return {
    ...scenario,
    reveals: isReveal(scenario.name),
    open: (target, ids) =>
      HttpCaller.open(target.origin, (number) => ({
        ...request({ target, name: nameOf(number), id: idAt(ids, number) }),
        ...(target.token !== undefined && { token: target.token }),
      })),
    idOf: (answer) => {
      const id = /"id": *"([^"]+)"/.exec(answer.toString())?.[1];
      if (id === undefined) throw new Error(`the answer to ${scenario.name} has no id`);
      return id;
    },
  };
}

/** Fails where an answer lacks the secret that it should hold, or holds one that it should not: such figures mean nothing. */
export function checkAnswer({ name, reveals }: Scenario, answer: Buffer): void {
  if (answer.includes(secretText) !== reveals) throw new Error(`${name} ${reveals ? 'lacks' : 'shows'} the secret`);
}

function isReveal(name: string): boolean {
  return /(reveal|read)$/.test(name);
}

function connectCreate({ target, name }: { readonly target: Target; readonly name: string }): Call {
  return post(
    createPath,
    `{"workspaceId":"${target.workspaceId}","credential":{"name":"${name}","provider":"openai","authType":"api_key"},` +
      `"secret":${secretJson}}`,
  );
}

function connectReveal({ target, id }: { readonly target: Target; readonly id: string }): Call {
  return post(revealPath, `{"workspaceId":"${target.workspaceId}","credentialId":"${id}"}`);
}

function grpcCreate(name: string, server: ServerName): Scenario {
  return {
    name,
    server,
    reveals: false,
    open: async ({ origin, token, workspaceId }) => {
      const messageOf = (number: number) => {
        const credential = { name: nameOf(number), provider: 'openai', authType: 'api_key' };
        const request = create(CreateCredentialRequestSchema, { workspaceId, credential, secret });
        return toBinary(CreateCredentialRequestSchema, request);
      };
      return new GrpcCaller(origin, { path: createPath, messageOf, ...(token !== undefined && { token }) });
    },
    idOf: (answer) => fromBinary(CreateCredentialResponseSchema, answer).credential?.id ?? '',
  };
}

function grpcReveal(name: string, server: ServerName, seededBy: string): Scenario {
  return {
    name,
    server,
    seededBy,
    reveals: true,
    open: async ({ origin, token, workspaceId }, ids) => {
      const messageOf = (number: number) => {
        const request = create(RevealSecretRequestSchema, { workspaceId, credentialId: idAt(ids, number) });
        return toBinary(RevealSecretRequestSchema, request);
      };
      return new GrpcCaller(origin, { path: revealPath, messageOf, ...(token !== undefined && { token }) });
    },
    idOf: () => '',
  };
}

function post(path: string, body: string): Call {
  return { method: 'POST', path, body };
}

function get(path: string): Call {
  return { method: 'GET', path };
}

function nameOf(number: number): string {
  return `benchmark ${number}`;
}

function idAt(ids: readonly string[], number: number): string {
  return ids[number % ids.length] ?? '';
}
