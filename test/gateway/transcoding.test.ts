import { create, setExtension, type MessageInitShape } from '@bufbuild/protobuf';
import { MethodOptionsSchema } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import { http } from '../../gen/google/api/annotations_pb.ts';
import { HttpRuleSchema } from '../../gen/google/api/http_pb.ts';
import { restClient, type RestCall, type RestReply } from '../dialects/call-rest.ts';
import { LibraryService } from './gen/example/v1/example_pb.ts';
import { createLibrary, startGateway, workspaceId, type RunningGateway } from './library.ts';

const shelf = `/v1/shelves/${workspaceId}`;
const token = 'editor';

describe('google.api.http, over the wire,', () => {
  let running: RunningGateway;
  let call: (request: RestCall) => Promise<RestReply>;

  before(async () => {
    running = await startGateway();
    call = restClient(running.origin);
  });
  after(() => running[Symbol.asyncDispose]());
  beforeEach(() => running.library.calls.splice(0));

  it('answers each of the additional_bindings, with the variables of its path', async () => {
    expect((await call({ path: `${shelf}/books/B7`, token })).body).to.include({ id: 'B7', shelf: workspaceId });
    expect((await call({ path: '/v1/books/name/a/b%20c', token })).body).to.include({ title: 'a/b c', id: '' });
    expect((await call({ path: '/library/v1/books/name/x', token })).body).to.include({ title: 'x' });
  });

  it('prefers the literal after ** to a longer name', async () => {
    const { body } = await call({ method: 'POST', path: '/v1/books/name/a/text/text', token });
    expect(body).to.include({ title: 'text of a/text' });
  });

  it('takes a field mask from the query, in either spelling, beside a body that is one field', async () => {
    for (const mask of ['printed_at,title', 'printedAt,title']) {
      const path = `${shelf}/books/B7?update_mask=${mask}`;
      const { body } = await call({ method: 'PATCH', path, token, body: { title: 'T' } });
      expect(body).to.include({ id: 'B7', title: 'T' });
      expect(running.library.calls.at(-1)?.request).to.have.deep.nested.property('updateMask.paths', [
        'printed_at',
        'title',
      ]);
    }
  });

  it('refuses a field mask that is none', async () => {
    const path = `${shelf}/books/B7?update_mask=title,_`;
    const { body, status } = await call({ method: 'PATCH', path, token, body: {} });
    expect(status).to.equal(422);
    expect(body).to.have.nested.property('faults[0].path').that.deep.equals(['update_mask']);
  });

  it('takes enums from the query by name and by number', async () => {
    for (const genre of ['SCIENCE', '2']) {
      expect(await call({ path: `${shelf}/books?genre=${genre}`, token })).to.include({ status: 200 });
      expect(running.library.calls.at(-1)?.request).to.include({ genre: 2 });
    }
  });

  it('refuses an enum that is none, and lists the values', async () => {
    for (const genre of ['science', '7', '-1', '']) {
      const { body, status } = await call({ path: `${shelf}/books?genre=${genre}`, token });
      expect(status, genre).to.equal(422);
      expect(body).to.have.nested.property('faults[0].expected').that.deep.equals(['NOVEL', 'SCIENCE']);
    }
  });

  it('takes lists from the query by repetition and by brackets', async () => {
    await call({ path: `${shelf}/books?tags=a&tags[]=b&years=1&years=2`, token });
    expect(running.library.calls.at(-1)?.request).to.deep.include({ tags: ['a', 'b'], years: [1, 2] });
  });

  it('distinguishes a custom verb from an id that contains a colon', async () => {
    const lent = await call({ method: 'POST', path: `${shelf}/books/B7:lend`, token });
    expect(lent.body).to.include({ id: 'B7' });
    expect(await call({ path: `${shelf}/books/B7%3Alend`, token })).to.have.nested.property('body.id', 'B7:lend');
    expect(await call({ method: 'POST', path: `${shelf}/books/B7:burn`, token })).to.include({ status: 405 });
  });
});

describe('a gateway', () => {
  const { getBook } = LibraryService.method;
  const unsupported: Record<string, MessageInitShape<typeof HttpRuleSchema>> = {
    'a method of its own': { pattern: { case: 'custom', value: { kind: 'HEAD', path: '/v1' } } },
    'a variable that is no field': { pattern: get('/v1/{nope}') },
    'a variable twice': { pattern: get('/v1/{id}/{id}') },
    '** twice': { pattern: get('/v1/{id=**}/{name=**}') },
    'a body in GET': { pattern: get('/v1'), body: '*' },
    'the same path twice': { pattern: get('/v1/{id}'), additionalBindings: [{ pattern: get('/v1/{name}') }] },
  };
  for (const [title, rule] of Object.entries(unsupported)) {
    it(`does not start with an annotation that it does not serve: ${title}`, async () => {
      const options = create(MethodOptionsSchema);
      setExtension(options, http, create(HttpRuleSchema, rule));
      const library = createLibrary();
      const rpc = {
        method: { ...getBook, proto: { ...getBook.proto, options } },
        access: { kind: 'public' as const },
        invoke: () => Promise.reject(new Error('not called')),
      };
      const refusal = await startGateway({
        library: { ...library, dialect: { ...library.dialect, rpcs: [rpc] } },
      }).then(
        (running) => running[Symbol.asyncDispose](),
        (error: unknown) => error,
      );
      expect(refusal)
        .to.be.an('error')
        .with.property('message')
        .that.matches(/LibraryService\.GetBook|path template/);
    });
  }
});

function get(value: string) {
  return { case: 'get' as const, value };
}
