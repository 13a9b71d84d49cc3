import { expect } from 'chai';
import { parsePathTemplate, shapeOf } from '../../../src/gateway/routes/path-template.ts';
import { createPathTree, splitPath } from '../../../src/gateway/routes/path-tree.ts';

function find(templates: readonly string[], path: string) {
  const tree = createPathTree<string>();
  for (const template of templates) tree.add(parsePathTemplate(template), template);
  const split = splitPath(path);
  return split && tree.find(split)[0]?.[0];
}

describe('a path template', () => {
  const matches: [template: string, path: string, variables: Record<string, string>][] = [
    ['/v1/books', '/v1/books', {}],
    ['/v1/books/{id}', '/v1/books/7', { id: '7' }],
    ['/v1/books/{id}', '/v1/books/7/', { id: '7' }],
    ['/v1/books/', '/v1/books', {}],
    ['/v1/books/{id}:lend', '/v1/books/7:lend', { id: '7' }],
    ['/v1/books/{id}:lend', '/v1/books/a:b:lend', { id: 'a:b' }],
    ['/v1/books:lendAll', '/v1/books:lendAll', {}],
    ['/v1/{name=shelves/*}/books', '/v1/shelves/3/books', { name: 'shelves/3' }],
    ['/v1/{name=shelves/*/books/*}', '/v1/shelves/3/books/4', { name: 'shelves/3/books/4' }],
    ['/v1/{name=**}', '/v1/a/b/c', { name: 'a/b/c' }],
    ['/v1/{name=**}:lend', '/v1/a/b:lend', { name: 'a/b' }],
    ['/v1/name/{name=**}/secret', '/v1/name/a/b/secret', { name: 'a/b' }],
    ['/v1/name/{name=**}/secret', '/v1/name/secret/secret', { name: 'secret' }],
    ['/v1/{shelf}/name/{name=**}/of/{id}', '/v1/s/name/a/b/of/7', { shelf: 's', name: 'a/b', id: '7' }],
    ['/v1/{book.id}', '/v1/7', { 'book.id': '7' }],
    ['/v1/*/books', '/v1/x/books', {}],
    ['/v1/books', '/v1/%62ooks', {}],
    ['/v1/{id}', '/v1/a%2Fb%20c%C3%A9', { id: 'a/b cé' }],
    ['/v1/{name=**}', '/v1/a%2Fb/c%20d', { name: 'a/b/c d' }],
    ['/v1/{id}', '/v1/a%3Alend', { id: 'a:lend' }],
    ['/v1/{id}', '/v1/%2e%2e', { id: '..' }],
  ];
  for (const [template, path, variables] of matches) {
    it(`matches ${template} with ${path}`, () => {
      expect(find([template], path)?.variables).to.deep.equal(variables);
    });
  }

  const misses: [template: string, path: string][] = [
    ['/v1/books', '/v1/book'],
    ['/v1/books', '/v1/books/7'],
    ['/v1/books', '/v1/books//'],
    ['/v1/books/{id}', '/v1/books'],
    ['/v1/books/{id}', '/v1/books/'],
    ['/v1/books/{id}', '/v1/books//'],
    ['/v1/books/{id}', '/v1/books/7/8'],
    ['/v1/books/{id}:lend', '/v1/books/7'],
    ['/v1/books/{id}:lend', '/v1/books/:lend'],
    ['/v1/books/{id}:lend', '/v1/books/7%3Alend'],
    ['/v1/{name=**}', '/v1/'],
    ['/v1/name/{name=**}/secret', '/v1/name/secret'],
    ['/v1/name/{name=**}/secret', '/v1/name/a'],
    ['/v1/{name=shelves/*}/books', '/v1/rooms/3/books'],
  ];
  for (const [template, path] of misses) {
    it(`does not match ${template} with ${path}`, () => {
      expect(find([template], path)).to.equal(undefined);
    });
  }

  const contests: [templates: string[], path: string, winner: string][] = [
    [['/v1/{id}', '/v1/status'], '/v1/status', '/v1/status'],
    [['/v1/{name=**}', '/v1/{id}'], '/v1/7', '/v1/{id}'],
    [['/v1/{id}', '/v1/{id}:lend'], '/v1/7:lend', '/v1/{id}:lend'],
    [['/v1/{id}/secret', '/v1/name/{name=**}'], '/v1/name/secret', '/v1/name/{name=**}'],
    [['/v1/{name=**}', '/v1/{name=**}/secret'], '/v1/a/b/secret', '/v1/{name=**}/secret'],
    [['/v1/{a}/{b}', '/v1/{a}/books'], '/v1/x/books', '/v1/{a}/books'],
    [['/v1/{a}/books', '/v1/shelves/{b}'], '/v1/shelves/books', '/v1/shelves/{b}'],
  ];
  for (const [templates, path, winner] of contests) {
    it(`prefers ${winner} for ${path}, whichever comes first`, () => {
      expect(find(templates, path)?.entry).to.equal(winner);
      expect(find(templates.toReversed(), path)?.entry).to.equal(winner);
    });
  }

  it('takes a verb of the path for a verb, although an id could end like that', () => {
    const tree = createPathTree<string>();
    for (const template of ['/v1/{id}', '/v1/{id}:lend']) tree.add(parsePathTemplate(template), template);
    const found = tree.find(splitPath('/v1/7:lend') ?? { raw: [], decoded: [] });
    expect(found.flat().map(({ entry }) => entry)).to.deep.equal(['/v1/{id}:lend']);
  });

  it('groups templates of one shape, whatever their variables are called', () => {
    const tree = createPathTree<string>();
    for (const template of ['/v1/{id}', '/v1/{key}', '/v1/{name=**}', '/v1/{path=**}']) {
      tree.add(parsePathTemplate(template), template);
    }
    const found = tree.find(splitPath('/v1/7') ?? { raw: [], decoded: [] });
    const names = found.map((group) => group.map(({ entry }) => entry));
    expect(names).to.deep.equal([
      ['/v1/{id}', '/v1/{key}'],
      ['/v1/{name=**}', '/v1/{path=**}'],
    ]);
  });

  for (const path of ['/v1/%', '/v1/%2', '/v1/%zz', '/v1/%ff', '/v1/%C3%28']) {
    it(`does not split ${path}, which is not properly encoded`, () => {
      expect(splitPath(path)).to.equal(undefined);
    });
  }

  for (const text of ['v1', '/v1/{', '/v1/{a', '/v1/{1a}', '/v1//a', '/{a=**}/{b=**}', '/v1/a b', '/v1/{a=}']) {
    it(`refuses the template ${text}`, () => {
      expect(() => parsePathTemplate(text)).to.throw(Error, 'path template');
    });
  }

  it('has the same shape under other variable names', () => {
    const shape = shapeOf(parsePathTemplate('/v1/{a}/name/{b=**}/x:lend/'));
    expect(shape).to.equal(shapeOf(parsePathTemplate('/v1/{b}/name/{c=**}/x:lend')));
    expect(shape).to.equal('/v1/*/name/**/x:lend');
  });
});
