import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CreateCredentialRequestSchema,
  CreateCredentialResponseSchema,
} from '../../gen/coffer/v1/credential_service_pb.ts';
import { RevealSecretRequestSchema } from '../../gen/coffer/v1/secret_service_pb.ts';
import type { Caller } from './caller.ts';
import { createPath, GrpcCaller, revealPath } from './grpc-client.ts';
import { HttpCaller, type HttpRequest } from './http-client.ts';
import { coffer, connectFloor, grpcFloor, httpFloor, type Server } from './servers.ts';

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
  readonly server: Server;
  /** The name of the scenario that creates the credentials asked for; none where nothing has to be there. */
  readonly seededBy?: string;
  /** The secret's text, where its answers hold it; those of the others must not hold the usual one. */
  readonly revealed?: string;
  /** Opens one connection. */
  open(target: Target, ids: readonly string[]): Promise<Caller>;
  /** The id in the answer to a creation. */
  idOf(answer: Buffer): string;
}

/** What is called, and with which body. */
export type Call = Omit<HttpRequest, 'token'>;

/** A scenario that needs nothing but requests of HTTP. */
export interface HttpScenario {
  readonly name: string;
  readonly server: Server;
  readonly seededBy?: string;
  readonly revealed?: string;
  readonly request: (at: { readonly target: Target; readonly name: string; readonly id: string }) => Call;
}

// About what an API key with its frame has.
const secretBytes = 200;
const secretText = secretTextOf(secretBytes);
const secret = { api_key: secretText };
const secretJson = JSON.stringify(secret);
/** Of the lists that are asked for. */
export const pageSize = 50;

/** The native API's resources. */
export const workspaces = '/v1/workspaces';

const overHttp: readonly HttpScenario[] = [
  {
    name: 'F1 create',
    server: httpFloor,
    request: ({ name }) => post('/', `{"name":"${name}","secret":${secretJson}}`),
  },
  {
    name: 'REST create',
    server: coffer,
    request: ({ target, name }) =>
      post(
        `${workspaces}/${target.workspaceId}/credentials`,
        `{"credential":{"name":"${name}","provider":"openai","auth_type":"api_key"},"secret":${secretJson}}`,
      ),
  },
  {
    name: 'F1 read',
    server: httpFloor,
    seededBy: 'F1 create',
    revealed: secretText,
    request: ({ id }) => get(`/${id}`),
  },
  {
    name: 'REST reveal',
    server: coffer,
    seededBy: 'REST create',
    revealed: secretText,
    request: ({ target, id }) => post(`${workspaces}/${target.workspaceId}/credentials/${id}:reveal`, '{}'),
  },
  {
    name: 'REST describe',
    server: coffer,
    seededBy: 'REST create',
    request: ({ target, id }) => get(`${workspaces}/${target.workspaceId}/credentials/${id}`),
  },
  {
    name: 'REST list',
    server: coffer,
    seededBy: 'REST create',
    request: ({ target }) => get(`${workspaces}/${target.workspaceId}/credentials?page_size=${pageSize}`),
  },
  {
    name: 'Scale create',
    server: coffer,
    request: ({ name }) => post('/v5/credentials', `{"type":"key","name":"${name}","payload":"${secretText}"}`),
  },
  {
    name: 'Scale reveal',
    server: coffer,
    seededBy: 'Scale create',
    revealed: secretText,
    request: ({ id }) => post(`/v5/credentials/${id}/secret`, '{}'),
  },
  {
    name: 'MiniFlow create',
    server: coffer,
    request: ({ target, name }) =>
      post(
        `/frontend/workspaces/${target.workspaceShortId}/credentials/api-key`,
        `{"name":"${name}","provider":"OPENAI","api_key":"${secretText}"}`,
      ),
  },
  {
    name: 'MiniFlow reveal',
    server: coffer,
    seededBy: 'MiniFlow create',
    revealed: secretText,
    request: ({ target, id }) =>
      get(`/frontend/workspaces/${target.workspaceShortId}/credentials/${id}?include_secret=true`),
  },
  { name: 'F2 create', server: connectFloor, request: connectCreate },
  { name: 'Connect create', server: coffer, request: connectCreate },
  { name: 'F2 reveal', server: connectFloor, seededBy: 'F2 create', revealed: secretText, request: connectReveal },
  { name: 'Connect reveal', server: coffer, seededBy: 'Connect create', revealed: secretText, request: connectReveal },
];

/** All, each floor beside what is compared with it, since the machine changes as a round goes on. */
export const scenarios: readonly Scenario[] = [
  ...overHttp.map(httpScenario),
  grpcCreate('F3 create', grpcFloor),
  grpcCreate('gRPC create', coffer),
  grpcReveal('F3 reveal', grpcFloor, 'F3 create'),
  grpcReveal('gRPC reveal', coffer, 'gRPC create'),
];

/** Makes each call of it by HTTP/1.1. */
export function httpScenario({ request, ...scenario }: HttpScenario): Scenario {
  return {
    ...scenario,
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
export function checkAnswer({ name, revealed }: Scenario, answer: Buffer): void {
  const reveals = revealed !== undefined;
  if (answer.includes(revealed ?? secretText) !== reveals) {
    throw new Error(`${name} ${reveals ? 'lacks' : 'shows'} the secret`);
  }
}

/** The text of the field `api_key` with which a secret has so many bytes of JSON, at least 20. */
export function secretTextOf(bytes: number): string {
  return 'sk-'.padEnd(bytes - '{"api_key":""}'.length, '0123456789');
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

function grpcCreate(name: string, server: Server): Scenario {
  return {
    name,
    server,
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

function grpcReveal(name: string, server: Server, seededBy: string): Scenario {
  return {
    name,
    server,
    seededBy,
    revealed: secretText,
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

/** A call with a body. */
export function post(path: string, body: string): Call {
  return { method: 'POST', path, body };
}

/** A call without one. */
export function get(path: string): Call {
  return { method: 'GET', path };
}

function nameOf(number: number): string {
  return `benchmark ${number}`;
}

function idAt(ids: readonly string[], number: number): string {
  return ids[number % ids.length] ?? '';
}
