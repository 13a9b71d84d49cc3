import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { createAuthority } from '../gateway/certificates.ts';
import { parseObject, textOf } from './json.ts';

/** A server of the transit engine's published protocol, with one key. @see https://openbao.org/api-docs/secret/transit/ */
export interface TransitServer {
  readonly origin: string;
  /** The authority of its certificate, in PEM. */
  readonly authority: string;
  readonly token: string;
  /** The requests so far, as `POST /v1/transit/encrypt/coffer`. */
  readonly requests: readonly string[];
  /** Answers in place of the engine, until it is called with undefined. */
  answerWith(answer: ((response: ServerResponse) => void) | undefined): void;
  stop(): Promise<void>;
}

const keyName = 'coffer';

export async function startTransitServer(port = 0): Promise<TransitServer> {
  const authority = createAuthority();
  const { certificate, privateKey } = authority.issue('localhost');
  const token = `s.${randomBytes(16).toString('hex')}`;
  const key = randomBytes(32);
  const requests: string[] = [];
  let answer: ((response: ServerResponse) => void) | undefined;
  const server = createServer({ cert: certificate, key: privateKey }, (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (answer) return answer(response);
    void answerAsEngine(request, response, { key, token });
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    origin: `https://localhost:${address.port}`,
    authority: authority.certificate,
    token,
    requests,
    answerWith: (given) => void (answer = given),
    async stop() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

interface Engine {
  readonly key: Buffer;
  readonly token: string;
}

async function answerAsEngine(request: IncomingMessage, response: ServerResponse, { key, token }: Engine) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const send = (status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  if (request.headers['x-vault-token'] !== token) return send(403, { errors: ['permission denied'] });
  const sent = parseObject(Buffer.concat(chunks).toString());
  if (request.method !== 'POST') return send(405, { errors: [] });
  if (request.url === `/v1/transit/encrypt/${keyName}`) {
    return send(200, {
      request_id: '1',
      data: { ciphertext: encrypt(key, textOf(sent, 'plaintext')), key_version: 1 },
    });
  }
  if (request.url !== `/v1/transit/decrypt/${keyName}`) return send(404, { errors: [] });
  const plaintext = decrypt(key, textOf(sent, 'ciphertext'));
  return plaintext === undefined
    ? send(400, { errors: ['cipher: message authentication failed'] })
    : send(200, { request_id: '2', data: { plaintext } });
}

function encrypt(key: Buffer, plaintext: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = [nonce, cipher.update(plaintext, 'base64'), cipher.final(), cipher.getAuthTag()];
  return `vault:v1:${Buffer.concat(sealed).toString('base64')}`;
}

function decrypt(key: Buffer, ciphertext: string): string | undefined {
  const bytes = Buffer.from(ciphertext.replace(/^vault:v1:/, ''), 'base64');
  try {
    const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
    cipher.setAuthTag(bytes.subarray(-16));
    return Buffer.concat([cipher.update(bytes.subarray(12, -16)), cipher.final()]).toString('base64');
  } catch {
    return undefined;
  }
}
