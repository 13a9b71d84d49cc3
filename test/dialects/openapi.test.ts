import { Validator } from '@seriousme/openapi-schema-validator';
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dialectNames } from '../../src/dialects/index.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, parseObject } from '../support/json.ts';
import { allRoutes } from '../support/routes.ts';

/** Where a document departs from the published one, which says of these members that they are never null; they are. */
const departures: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  scale: { Credential: ['description', 'credential_metadata'] },
};

const methods = ['get', 'post', 'put', 'patch', 'delete'];

describe('the OpenAPI documents', () => {
  let coffer: TestCoffer;
  const documents = new Map<string, JsonObject>();

  before(async () => {
    coffer = await startCoffer();
    for (const name of dialectNames) documents.set(name, await fetchDocument(`/openapi/${name}.json`));
  });

  after(() => coffer.stop());

  async function fetchDocument(path: string): Promise<JsonObject> {
    const response = await fetch(coffer.origin + path);
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.match(/^application\/json/);
    return parseObject(await response.text());
  }

  function documentOf(name: string): JsonObject {
    return objectOf(Object.fromEntries(documents), name);
  }

  for (const name of dialectNames) {
    it(`are valid OpenAPI 3.1: ${name}`, async () => {
      const { errors, valid } = await new Validator().validate(structuredClone({ ...documentOf(name) }));
      expect(errors).to.equal(undefined);
      expect(valid).to.equal(true);
      expect(documentOf(name)['openapi']).to.equal('3.1.0');
    });

    it(`describe every route that is served, and no other: ${name}`, async () => {
      const routes = (await allRoutes()).filter(({ method }) =>
        method.parent.file.proto.package.startsWith(`${name}.`),
      );
      const served = routes.map(({ httpMethod, template }) => `${httpMethod} ${template.replaceAll(/=[^}]*/g, '')}`);
      expect(served.length).to.be.greaterThan(0);
      const documented = operationsOf(documentOf(name)).map(({ httpMethod, path }) => `${httpMethod} ${path}`);
      expect(documented).to.have.members(served);
    });

    it(`give every operation a unique id, a tag and a success: ${name}`, () => {
      const operations = operationsOf(documentOf(name));
      const ids = operations.map(({ operation }) => operation['operationId']);
      expect(new Set(ids).size).to.equal(ids.length);
      for (const { operation } of operations) {
        expect(operation['tags']).to.be.an('array').of.length(1);
        const statuses = Object.keys(Object(operation['responses']));
        expect(statuses.some((status) => /^20[01]$/.test(status))).to.equal(true);
        expect(operation['description']).to.be.a('string');
      }
    });

    it(`declare each path variable as a parameter: ${name}`, () => {
      for (const { operation, path } of operationsOf(documentOf(name))) {
        const variables = Array.from(path.matchAll(/\{([^}]+)\}/g), ([, variable]) => variable);
        const declared = parametersOf(operation).filter((parameter) => parameter['in'] === 'path');
        expect(declared.map((parameter) => parameter['name'])).to.have.members(variables);
      }
    });

    it(`refer to schemas that are there: ${name}`, () => {
      const text = JSON.stringify(documentOf(name));
      const schemas = memberOf(documentOf(name), 'components', 'schemas');
      for (const [, schema] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
        expect(schemas).to.have.property(schema ?? '');
      }
    });
  }

  it('serve the native one at /openapi.json, too', async () => {
    expect(await fetchDocument('/openapi.json')).to.deep.equal(documentOf('coffer'));
  });

  it('are open to anybody, and there is none of a dialect that does not exist', async () => {
    expect((await fetch(`${coffer.origin}/openapi/nobody.json`)).status).to.equal(404);
  });

  it('name the mount prefix as a second server, and as the first one where dialects share a path', () => {
    for (const name of dialectNames) {
      const urls = ['/', `/${name}`];
      const expected = ['flowise', 'mielto'].includes(name) ? urls.toReversed() : urls;
      const servers = documentOf(name)['servers'];
      expect(Array.isArray(servers) && servers.map((server) => Object(server).url), name).to.deep.equal(expected);
    }
  });

  it('show the version of the product', () => {
    const { version } = parseObject(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
    for (const name of dialectNames) expect(memberOf(documentOf(name), 'info', 'version'), name).to.equal(version);
  });

  it('document bodies that are too large, too many calls and a vault that is away', () => {
    for (const name of ['coffer', 'flowise', 'fishnet']) {
      for (const { operation, path } of operationsOf(documentOf(name))) {
        expect(operation['responses'], `${name} ${path}`).to.include.keys('429', '503');
      }
    }
    for (const { operation, path } of operationsOf(documentOf('coffer'))) {
      const statuses = Object.keys(objectOf(operation, 'responses'));
      expect(statuses.includes('413'), path).to.equal(operation['requestBody'] !== undefined);
    }
  });

  it('have a body for every native call that takes one', () => {
    for (const { httpMethod, operation, path } of operationsOf(documentOf('coffer'))) {
      const mayHave = ['POST', 'PUT', 'PATCH'].includes(httpMethod);
      expect(operation['requestBody'] !== undefined, `${httpMethod} ${path}`).to.equal(mayHave);
    }
  });

  it('require of native answers what they always hold', () => {
    const required = (schema: string) => memberOf(documentOf('coffer'), 'components', 'schemas', schema, 'required');
    expect(required('GetCredentialResponse')).to.deep.equal(['credential', 'recent_consumers']);
    expect(required('CreateApiKeyResponse')).to.have.members(['api_key', 'token']);
    expect(required('Credential')).to.include.members(['name', 'provider', 'created_at', 'updated_at', 'etag']);
    expect(required('Credential')).not.to.include.members(['deleted_at']);
    expect(memberOf(documentOf('coffer'), 'components', 'schemas', 'CredentialInput')).not.to.have.property('required');
  });

  for (const name of ['mielto', 'scale']) {
    describe(`of ${name}`, () => {
      const seed = depart(
        name,
        parseObject(readFileSync(join(import.meta.dirname, name, 'seed-openapi.json'), 'utf8')),
      );

      for (const { httpMethod, operation, path } of operationsOf(seed)) {
        it(`equals the published one in ${httpMethod} ${path}`, () => {
          const ours = operationsOf(documentOf(name)).find(
            (other) => other.path === path && other.httpMethod === httpMethod,
          );
          const { tags, operationId } = ours?.operation ?? {};
          expect({ tags, operationId }).to.deep.equal({
            tags: operation['tags'],
            operationId: operation['operationId'],
          });
          expect(essence(ours?.operation ?? null, documentOf(name))).to.deep.equal(essence(operation, seed));
        });
      }

      it('has the schemas of the published one, by their names', () => {
        const schemas = objectOf(seed, 'components', 'schemas');
        for (const [schema, theirs] of Object.entries(schemas)) {
          const ours = memberOf(documentOf(name), 'components', 'schemas', schema);
          expect(essence(ours, documentOf(name)), schema).to.deep.equal(essence(theirs, seed));
        }
      });

      it('asks for the published security schemes', () => {
        const ours = memberOf(documentOf(name), 'components', 'securitySchemes');
        expect(ours).to.deep.equal(memberOf(seed, 'components', 'securitySchemes'));
      });
    });
  }

  it('show secrets as passwords that are only written', () => {
    const payload = schemaMember('scale', 'CreateCredentialRequest', 'payload');
    expect(payload).to.include({ format: 'password', writeOnly: true, minLength: 1 });
    expect(schemaMember('coffer', 'CreateCredentialRequest', 'secret')).to.include({ type: 'object', writeOnly: true });
    expect(schemaMember('fishnet', 'CreateCredentialRequest', 'key')).to.include({
      format: 'password',
      writeOnly: true,
    });
    expect(schemaMember('fishnet', 'LoginResponse', 'token'))
      .to.include({ format: 'password' })
      .and.not.have.property('writeOnly');
  });

  it('name members as each dialect does', () => {
    const flowise = memberOf(documentOf('flowise'), 'components', 'schemas', 'Credential', 'properties');
    expect(flowise).to.include.keys('credentialName', 'encryptedData', 'createdDate');
    const native = memberOf(documentOf('coffer'), 'components', 'schemas', 'Credential', 'properties');
    expect(native).to.include.keys('short_id', 'workspace_id', 'expires_at');
  });

  it('describe 64-bit integers and times as each dialect does', () => {
    expect(schemaMember('fishnet', 'Credential', 'created_at')).to.include({ type: 'integer', format: 'int64' });
    expect(schemaMember('fishnet', 'Credential', 'last_used_at')).to.deep.include({
      anyOf: [{ type: 'integer', format: 'int64' }, { type: 'null' }],
    });
    expect(schemaMember('coffer', 'Credential', 'use_count')).to.include({ type: 'string', format: 'int64' });
    expect(schemaMember('coffer', 'Credential', 'expires_at')).to.include({ type: 'string', format: 'date-time' });
  });

  it('distinguish what of the native credential is sent from what is only answered', () => {
    expect(schemaMember('coffer', 'CredentialInput', 'id')).to.include({ readOnly: true });
    expect(schemaMember('coffer', 'CredentialInput', 'name')).to.include({ minLength: 1, maxLength: 255 });
    const input = memberOf(documentOf('coffer'), 'components', 'schemas', 'CredentialInput');
    expect(input).to.include({ additionalProperties: false }).and.not.have.property('required');
    const answer = memberOf(documentOf('coffer'), 'components', 'schemas', 'Credential', 'required');
    expect(answer).to.include.members(['id', 'state', 'tags']).and.not.include('expires_at');
  });

  it('list the native enums by their names', () => {
    const states = memberOf(documentOf('coffer'), 'components', 'schemas', 'CredentialState', 'enum');
    expect(states).to.deep.equal(['ACTIVE', 'INACTIVE', 'EXPIRED', 'DELETED']);
  });

  it('bound query parameters', () => {
    const limit = parametersOf(operationAt('mielto', 'GET', '/api/v1/credentials')).find(
      ({ name }) => name === 'limit',
    );
    expect(limit).to.deep.include({ in: 'query', required: false });
    expect(memberOf(limit, 'schema')).to.include({ type: 'integer', minimum: 1, maximum: 1000 });
  });

  it('take the etag by header where the native API does', () => {
    const path = '/v1/workspaces/{workspace_id}/credentials/{credential_id}';
    const names = parametersOf(operationAt('coffer', 'PATCH', path)).map((parameter) => parameter['name']);
    expect(names).to.include.members(['workspace_id', 'credential_id', 'update_mask', 'etag', 'if-match']);
  });

  it('wrap what miniflow answers into its envelope, and document its refusals', () => {
    const path = '/frontend/workspaces/{workspace_id}/credentials/{credential_id}';
    const responses = memberOf(operationAt('miniflow', 'GET', path), 'responses');
    expect(responses).to.have.all.keys('200', '401', '403', '404', '500');
    const schema = memberOf(responses, '200', 'content', 'application/json', 'schema');
    expect(memberOf(schema, 'properties', 'data')).to.deep.equal({ $ref: '#/components/schemas/CredentialDetail' });
    expect(schema).to.have.property('required').that.includes('traceId');
  });

  it('answer bare arrays where a dialect does', () => {
    for (const [dialect, path] of [
      ['flowise', '/api/v1/credentials/'],
      ['fishnet', '/api/credentials'],
    ] as const) {
      const schema = memberOf(
        operationAt(dialect, 'GET', path),
        'responses',
        '200',
        'content',
        'application/json',
        'schema',
      );
      expect(schema).to.include({ type: 'array' });
    }
  });

  it('document a status of success that is not 200', () => {
    expect(memberOf(operationAt('fishnet', 'POST', '/api/credentials'), 'responses')).to.include.keys('201');
  });

  it('require no authentication where none is needed', () => {
    expect(operationAt('fishnet', 'POST', '/api/auth/login')['security']).to.deep.equal([]);
    expect(operationAt('fishnet', 'GET', '/api/credentials')['security']).to.deep.equal([{ sessionToken: [] }]);
  });

  function schemaMember(name: string, schema: string, member: string): JsonValue {
    return memberOf(documentOf(name), 'components', 'schemas', schema, 'properties', member);
  }

  function operationAt(name: string, httpMethod: string, path: string): JsonObject {
    const found = operationsOf(documentOf(name)).find(
      (other) => other.path === path && other.httpMethod === httpMethod,
    );
    if (!found) throw new Error(`${name} has no ${httpMethod} ${path}`);
    return found.operation;
  }
});

interface Operation {
  readonly path: string;
  readonly httpMethod: string;
  readonly operation: JsonObject;
}

function operationsOf(document: JsonObject): Operation[] {
  const paths = objectOf(document, 'paths');
  return Object.keys(paths).flatMap((path) =>
    Object.keys(objectOf(paths, path)).map((method) => {
      expect(methods).to.include(method);
      return { path, httpMethod: method.toUpperCase(), operation: objectOf(paths, path, method) };
    }),
  );
}

function objectOf(value: JsonValue, ...names: readonly string[]): JsonObject {
  const found = memberOf(value, ...names);
  if (!isJsonObject(found)) throw new Error(`${names.join('.')} is no object`);
  return found;
}

function parametersOf(operation: JsonObject): readonly JsonObject[] {
  const parameters = operation['parameters'];
  return Array.isArray(parameters) ? parameters.filter((parameter) => isJsonObject(parameter)) : [];
}

function depart(name: string, seed: JsonObject): JsonObject {
  const schemas = { ...objectOf(seed, 'components', 'schemas') };
  for (const [schema, members] of Object.entries(departures[name] ?? {})) {
    const properties = { ...objectOf(schemas, schema, 'properties') };
    for (const member of members) {
      const { description = '', title = '', ...value } = objectOf(properties, member);
      properties[member] = { anyOf: [value, { type: 'null' }], description, title };
    }
    schemas[schema] = { ...objectOf(schemas, schema), properties };
  }
  return { ...seed, components: { ...objectOf(seed, 'components'), schemas } };
}

/** What tools go by: references followed, words and the order of required members dropped. */
function essence(value: JsonValue, document: JsonObject): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => essence(item, document));
  if (!isJsonObject(value)) return value;
  const { $ref, ...rest } = value;
  if (typeof $ref === 'string') {
    return essence(memberOf(document, ...$ref.slice(2).split('/')), document);
  }
  return Object.fromEntries(
    Object.entries(rest).flatMap(([name, member]): [string, JsonValue][] => {
      if (words.has(name) && !isJsonObject(member)) return [];
      if (name === 'required' && Array.isArray(member)) return [[name, member.map(String).toSorted()]];
      return [[name, essence(member, document)]];
    }),
  );
}

/** A property may be called `description`, too; then it is an object. */
const words = new Set(['title', 'description', 'summary', 'tags', 'operationId', 'writeOnly']);
