import { credentials, loadPackageDefinition, Metadata, type Client, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { startCoffer as start } from '../../src/start/coffer.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, parseObject, textOf } from '../support/json.ts';
import { restClient, type RestCall, type RestReply } from './call-rest.ts';

const root = resolve(import.meta.dirname, '../..');
const toy = join(import.meta.dirname, 'sixth');

describe('a sixth dialect', () => {
  let project: string;
  let coffer: TestCoffer;
  let call: (request: RestCall) => Promise<RestReply>;
  let token: string;

  before(async () => {
    project = mkdtempSync(join(tmpdir(), 'coffer-sixth-'));
    copyProject(project);
    await addToy(project);
    const module: { readonly startCoffer: typeof start } = await import(join(project, 'src/start/coffer.ts'));
    coffer = await startCoffer({ start: module.startCoffer });
    call = restClient(coffer.origin);
    token = await coffer.issueKey({ role: 'EDITOR', dialect: 'locker' });
  });

  after(async () => {
    await coffer?.stop();
    rmSync(project, { recursive: true });
  });

  it('compiles', () => {
    const result = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: project, encoding: 'utf8' });
    expect(result.stdout).to.equal('');
    expect(result.status).to.equal(0);
  });

  it('is served over REST by its proto folder, its source folder and one line', async () => {
    const created = await call({
      method: 'POST',
      path: '/locker/doors',
      token,
      body: { doorName: 'A1', code: '1234' },
    });
    expect(created.status).to.equal(201);
    expect(created.body).to.include({ doorName: 'A1' }).and.have.all.keys('id', 'doorName');
    const id = textOf(parseObject(created.text), 'id');
    const opened = await call({ method: 'POST', path: `/locker/doors/${id}:open`, token });
    expect(opened.body).to.deep.equal({ code: '1234' });
    expect(await call({ method: 'POST', path: `/locker/locker/doors/${id}:open/`, token })).to.include({ status: 200 });
  });

  it('refuses by the rules of its proto', async () => {
    const refused = await call({ method: 'POST', path: '/locker/doors', token, body: { code: '123' } });
    expect(refused.status).to.equal(400);
    expect(refused.body).to.deep.equal({
      complaint: 'doorName is required; code must be at least 4 characters',
    });
    expect(await call({ method: 'POST', path: '/locker/doors', body: {} })).to.include({ status: 401 });
    expect((await call({ path: '/locker/doors', token })).body).to.deep.equal({ complaint: 'not like that' });
  });

  it('is served over gRPC', async () => {
    const { id, doorName } = await callGrpc('CreateCredential', { doorName: 'B2', code: '5678' });
    expect(doorName).to.equal('B2');
    expect(await callGrpc('RevealCredential', { id })).to.deep.equal({ code: '5678' });
  });

  it('shares the vault with the others', async () => {
    const { id } = await callGrpc('CreateCredential', { doorName: 'C3', code: '0000' });
    const path = `/v1/workspaces/default/credentials/${String(id)}`;
    const { credential } = await coffer.native('GET', path);
    expect(credential).to.include({ name: 'C3', origin: 'locker' });
    expect(await coffer.native('POST', `${path}:reveal`)).to.deep.include({ secret: { code: '0000' } });
    expect(await call({ path: `/mielto/api/v1/credentials/${String(id)}`, token })).to.include({ status: 200 });
  });

  it('has an API document, with the comments of its proto', async () => {
    const { text } = await call({ path: '/openapi/locker.json' });
    const document = parseObject(text);
    expect(memberOf(document, 'paths')).to.have.all.keys('/locker/doors', '/locker/doors/{id}:open');
    const code = memberOf(document, 'components', 'schemas', 'CreateCredentialRequest', 'properties', 'code');
    expect(code).to.include({ minLength: 4, format: 'password', description: 'At least 4 characters.' });
    expect((await call({ path: '/docs/static/swagger-initializer.js' })).text).to.include('/openapi/locker.json');
  });

  async function callGrpc(name: string, request: object): Promise<Record<string, unknown>> {
    const options = { includeDirs: [join(project, 'proto')] };
    const definition = loadSync('locker/v1/credential_service.proto', options)['locker.v1.CredentialService'];
    const method = Object(definition)[name];
    const service = loadPackageDefinition({ locker: Object(definition) })['locker'];
    const client: Client = Reflect.construct(Object(service), [
      new URL(coffer.origin).host,
      credentials.createInsecure(),
    ]);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    try {
      return await new Promise((done, fail) => {
        const answered = (error: ServiceError | null, answer?: Record<string, unknown>): void =>
          error ? fail(error) : done(Object(answer?.['door'] ?? answer));
        const { path, requestSerialize, responseDeserialize } = method;
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, answered);
      });
    } finally {
      client.close();
    }
  }
});

function copyProject(project: string): void {
  for (const part of ['src', 'gen', 'proto', 'buf.yaml', 'test/gateway/proto', 'package.json']) {
    cpSync(join(root, part), join(project, part), { recursive: true });
  }
  const compiler = readFileSync(join(root, 'tsconfig.json'), 'utf8');
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ ...JSON.parse(compiler), include: ['src/dialects'] }));
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
  // All other packages are generated already.
  const generation = readFileSync(join(root, 'buf.gen.yaml'), 'utf8');
  writeFileSync(join(project, 'buf.gen.yaml'), generation.replace('clean: true', 'clean: false'));
}

async function addToy(project: string): Promise<void> {
  await mkdir(join(project, 'proto/locker/v1'), { recursive: true });
  cpSync(join(toy, 'credential_service.proto'), join(project, 'proto/locker/v1/credential_service.proto'));
  await mkdir(join(project, 'src/dialects/locker'));
  for (const file of await readdir(toy)) {
    if (!file.endsWith('.ts.txt')) continue;
    cpSync(join(toy, file), join(project, 'src/dialects/locker', file.slice(0, -'.txt'.length)));
  }
  const index = join(project, 'src/dialects/index.ts');
  const text = readFileSync(index, 'utf8');
  // The one line, with its import.
  const added = `  locker: (await import('./locker/dialect.ts')).lockerDialect,\n`;
  writeFileSync(
    index,
    text.replace('  miniflow: miniflowDialect,\n', (line) => line + added),
  );
  execFileSync(join(root, 'node_modules/.bin/buf'), ['generate', 'proto', '--path', 'proto/locker'], {
    cwd: project,
    stdio: 'inherit',
  });
}
