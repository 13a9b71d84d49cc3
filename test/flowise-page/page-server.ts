import { createReadStream, statSync } from 'node:fs';
import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';
import type { AddressInfo } from 'node:net';
import type { JsonValue } from '../../src/vault/json.ts';

/** What Coffer answers of Flowise's API; icons of components, ping and version among them. */
const servedByCoffer = /^\/api\/v1\/(credentials|components-credentials(-icon)?|ping|version)(\/|\?|$)/;

/** What the page asks of the rest of Flowise when it starts. An open source Flowise shows its page without a login of its own. */
const stubs: Readonly<Record<string, JsonValue>> = {
  '/api/v1/settings': { PLATFORM_TYPE: 'open source' },
};

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** The page's server, and what was asked of it that neither it nor Coffer has. */
export interface PageServer {
  readonly origin: string;
  readonly unknown: ReadonlySet<string>;
  close(): void;
}

/** Where the page's calls go, and by which key: the page has no place for one, since Flowise knows its users by a cookie. */
export interface PageServerOptions {
  readonly build: string;
  readonly cofferOrigin: string;
  readonly token: string;
}

/** Serves the page's build, and what it asks of its API by Coffer. */
export async function startPageServer({ build, cofferOrigin, token }: PageServerOptions): Promise<PageServer> {
  const unknown = new Set<string>();
  const server = createServer((request, response) => {
    const url = request.url ?? '/';
    const path = url.replace(/\?.*$/, '');
    const stub = stubs[path];
    if (servedByCoffer.test(url)) passOn(request, response, { origin: cofferOrigin, token });
    else if (stub !== undefined) answerJson(response, 200, stub);
    else if (path.startsWith('/api/')) {
      unknown.add(`${request.method} ${path}`);
      answerJson(response, 404, { message: 'not a part of Coffer' });
    } else sendFile(response, build, path);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: originOf(server), unknown, close: () => server.close() };
}

function passOn(request: IncomingMessage, response: ServerResponse, to: { origin: string; token: string }): void {
  const { host: _, ...headers } = request.headers;
  const passed = forward(
    new URL(request.url ?? '/', to.origin),
    { method: request.method, headers: { ...headers, authorization: `Bearer ${to.token}` } },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    },
  );
  passed.on('error', () => response.destroy());
  request.pipe(passed);
}

/** Sends a file of the build, and the page itself for each of its own paths. */
function sendFile(response: ServerResponse, build: string, path: string): void {
  const asked = join(build, normalize(`/${decodeURIComponent(path)}`));
  const file = statSync(asked, { throwIfNoEntry: false })?.isFile() ? asked : join(build, 'index.html');
  response.setHeader('content-type', contentTypes[extname(file)] ?? 'application/octet-stream');
  createReadStream(file).pipe(response);
}

function answerJson(response: ServerResponse, status: number, body: JsonValue): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function originOf(server: Server): string {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return `http://127.0.0.1:${address.port}`;
}
