import { expect } from 'chai';
import type { JsonValue } from '../../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { memberOf } from '../../support/json.ts';
import { restClient, type RestReply } from '../call-rest.ts';

/** What Flowise shows in place of a value; spelt here anew, since clients depend on every letter. */
export const blankMarker = '_FLOWISE_BLANK_07167752-1a71-43b1-bf8f-4f32252165db';
export const path = '/api/v1/credentials/';
/** Well formed, and nobody's. */
export const unknownId = '018cc251-f400-7000-8000-000000000001';
/** Of every entity. */
export const members = ['name', 'credentialName', 'workspaceId', 'id', 'createdDate', 'updatedDate'];

/** A Coffer for the tests of one file, and calls to it with a key that was issued for flowise. */
export interface FlowiseTest {
  readonly coffer: TestCoffer;
  readonly token: string;
  call(method: string, url: string, body?: unknown, as?: string): Promise<RestReply>;
  /** Stores a credential, and answers its id. */
  create(members?: object): Promise<string>;
  /** The secret as the native API reveals it. */
  secretOf(id: string): Promise<JsonValue>;
  describeNatively(id: string): Promise<JsonValue>;
  /** A key of a workspace of its own, so that a list holds what the test has put there. */
  keyOfNewWorkspace(): Promise<string>;
}

export async function startFlowise(): Promise<FlowiseTest> {
  const coffer = await startCoffer();
  const token = await coffer.issueKey({ role: 'EDITOR', dialect: 'flowise' });
  const rest = restClient(coffer.origin);
  const call: FlowiseTest['call'] = (method, url, body, as = token) =>
    rest({ method, path: url, token: as, ...(body !== undefined && { body }) });
  const native = '/v1/workspaces/default/credentials/';
  return {
    coffer,
    token,
    call,
    create: async (given = {}) => {
      const plainDataObj = { openAIApiKey: 'sk-first' };
      const reply = await call('POST', path, { name: 'mine', credentialName: 'openAIApi', plainDataObj, ...given });
      expect(reply.status, reply.text).to.equal(200);
      return textMember(reply, 'id');
    },
    secretOf: async (id) => memberOf(await coffer.native('POST', `${native}${id}:reveal`, {}), 'secret'),
    describeNatively: async (id) => memberOf(await coffer.native('GET', native + id), 'credential'),
    keyOfNewWorkspace: async () => {
      const workspaceId = await coffer.createWorkspace('of its own');
      return coffer.issueKey({ role: 'EDITOR', workspaceId, dialect: 'flowise' });
    },
  };
}

/** The body of an error. */
export function failure(statusCode: number, message: string) {
  return { statusCode, success: false, message, stack: {} };
}

export function notProvided(controller: string) {
  return { status: 412, body: failure(412, `Error: credentialsController.${controller} - id not provided!`) };
}

export function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('the answer is no object');
  return Object.fromEntries(Object.entries(value));
}

export function entities(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) throw new Error('the answer is no array');
  return value.map(objectOf);
}

export function namesIn(value: unknown): unknown[] {
  return entities(value).map(({ name }) => name);
}

export function textMember({ body }: RestReply, name: string): string {
  const text = objectOf(body)[name];
  if (typeof text !== 'string') throw new Error(`${name} is no string`);
  return text;
}
