// F1: what node:http, pg and secretbox cost without anything around them.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { FloorVault } from './floor-vault.ts';
import { parseObject, textOf } from '../../support/json.ts';
import { portOf } from './port-of.ts';
import { serveFloor } from './serve-floor.ts';

await serveFloor(async (vault) => {
  const server = createServer((request, response) => {
    answer(vault, request).then(
      (text) => send(response, 200, text),
      () => send(response, 500, '{}'),
    );
  });
  server.keepAliveTimeout = 0;
  return portOf(server);
});

async function answer(vault: FloorVault, request: IncomingMessage): Promise<string> {
  if (request.method === 'GET') return vault.read((request.url ?? '').slice(1));
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = parseObject(Buffer.concat(chunks).toString());
  return JSON.stringify({ id: await vault.create(textOf(body, 'name'), JSON.stringify(body['secret'])) });
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
