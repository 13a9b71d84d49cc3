import { shapeOf, type PathTemplate, type TemplateStep } from './path-template.ts';

/** The segments of a request's path, without a trailing slash. */
export interface SplitPath {
  readonly raw: readonly string[];
  /** Percent-decoded. */
  readonly decoded: readonly string[];
}

/** A template that matches a path, with the values of its variables. */
export interface PathMatch<Entry> {
  readonly entry: Entry;
  readonly variables: Readonly<Record<string, string>>;
}

/** Finds the entries whose templates match a path. */
export interface PathTree<Entry> {
  add(template: PathTemplate, entry: Entry): void;
  /**
   * The matches in groups of equally specific templates, the most specific first: at the first step where two templates
   * differ, a literal precedes a variable, and a single segment precedes `**`.
   */
  find(path: SplitPath): readonly (readonly PathMatch<Entry>[])[];
  /** The entries below the longest literal prefix that a template shares with the path; none without such a prefix. */
  findNeighbours(path: SplitPath): readonly Entry[];
}

const notAscii = /[^\0-\x7f]/;

/**
 * Splits and decodes a path. Variables of several segments are decoded fully as well: google.api.http would keep `%2F`, but in
 * the one API with such a path, names contain slashes, and its clients send them encoded or not.
 *
 * @returns undefined for a path that is not ASCII, or not percent-encoded UTF-8
 */
export function splitPath(path: string): SplitPath | undefined {
  if (notAscii.test(path)) return undefined;
  const raw = (path.endsWith('/') ? path.slice(1, -1) : path.slice(1)).split('/');
  try {
    return { raw, decoded: path.includes('%') ? raw.map(decodeURIComponent) : raw };
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

interface Node<Entry> {
  readonly literals: Map<string, Node<Entry>>;
  one: Node<Entry> | undefined;
  /** Templates whose next step is `**`, grouped by shape. */
  readonly many: Leaf<Entry>[][];
  readonly leaves: Leaf<Entry>[];
  readonly below: Entry[];
}

interface Leaf<Entry> {
  readonly template: PathTemplate;
  readonly entry: Entry;
  /** The index of `**` among the steps; their number without one. */
  readonly manyAt: number;
}

/** Creates an empty tree. */
export function createPathTree<Entry>(): PathTree<Entry> {
  const root = createNode<Entry>();
  return {
    add(template, entry) {
      insert(root, template, entry);
    },
    find(path) {
      const groups: PathMatch<Entry>[][] = [];
      collect(root, path, 0, groups);
      return groups;
    },
    findNeighbours(path) {
      let node = root;
      for (const segment of path.decoded) {
        const next = node.literals.get(segment);
        if (!next) break;
        node = next;
      }
      return node === root ? [] : node.below;
    },
  };
}

function createNode<Entry>(): Node<Entry> {
  return { literals: new Map(), one: undefined, many: [], leaves: [], below: [] };
}

function insert<Entry>(root: Node<Entry>, template: PathTemplate, entry: Entry): void {
  const { steps } = template;
  const manyAt = steps.findIndex(({ kind }) => kind === 'many');
  const leaf = { template, entry, manyAt: manyAt === -1 ? steps.length : manyAt };
  let node = root;
  for (const step of steps) {
    if (step.kind === 'many') {
      addMany(node.many, leaf);
      return;
    }
    node = stepInto(node, step);
    node.below.push(entry);
  }
  node.leaves.push(leaf);
}

function addMany<Entry>(many: Leaf<Entry>[][], leaf: Leaf<Entry>): void {
  const shape = shapeOf(leaf.template);
  const alike = many.find(([first]) => first && shapeOf(first.template) === shape);
  if (alike) alike.push(leaf);
  else many.push([leaf]);
  // After `**`, more literals are more specific.
  many.sort(([left], [right]) => (right?.template.steps.length ?? 0) - (left?.template.steps.length ?? 0));
}

function stepInto<Entry>(node: Node<Entry>, step: TemplateStep): Node<Entry> {
  if (step.kind !== 'literal') return (node.one ??= createNode());
  const next = node.literals.get(step.text) ?? createNode();
  node.literals.set(step.text, next);
  return next;
}

function collect<Entry>(node: Node<Entry>, path: SplitPath, at: number, groups: PathMatch<Entry>[][]): void {
  const segment = path.decoded[at];
  if (segment === undefined) {
    addLeaves(node, path, groups);
    return;
  }
  const literal = node.literals.get(segment);
  if (literal) collect(literal, path, at + 1, groups);
  if (node.one && segment !== '') collect(node.one, path, at + 1, groups);
  for (const leaves of node.many) {
    const matches = leaves.flatMap((leaf) => matchMany(leaf, path, at) ?? []);
    if (matches.length > 0) groups.push(matches);
  }
}

/** Templates with the path's verb take precedence; in the others, the verb would be a part of a variable. */
function addLeaves<Entry>(node: Node<Entry>, path: SplitPath, groups: PathMatch<Entry>[][]): void {
  const verb = verbOf(path);
  const withVerb = verb === undefined ? [] : node.leaves.filter(({ template }) => template.verb === verb);
  const leaves = withVerb.length > 0 ? withVerb : node.leaves.filter(({ template }) => template.verb === undefined);
  if (leaves.length > 0) groups.push(leaves.map((leaf) => toMatch(leaf, path, 0)));
}

/** An encoded colon is a part of its segment, and begins no verb. */
function verbOf(path: SplitPath): string | undefined {
  const last = path.raw.at(-1) ?? '';
  const colon = last.lastIndexOf(':');
  return colon > 0 ? last.slice(colon + 1) : undefined;
}

function matchMany<Entry>(leaf: Leaf<Entry>, path: SplitPath, at: number): PathMatch<Entry> | undefined {
  const { steps, verb } = leaf.template;
  const rest = steps.slice(at + 1);
  const taken = path.decoded.length - at - rest.length;
  if (taken < 1 || (taken === 1 && path.decoded[at] === '')) return undefined;
  if (verb !== undefined && verbOf(path) !== verb) return undefined;
  const matches = rest.every((step, index) => {
    const segment = path.decoded[at + taken + index];
    return step.kind === 'literal' ? step.text === segment : segment !== '';
  });
  return matches ? toMatch(leaf, path, taken - 1) : undefined;
}

/** @param extra the number of segments that `**` covers beyond the first */
function toMatch<Entry>({ template, entry, manyAt }: Leaf<Entry>, path: SplitPath, extra: number): PathMatch<Entry> {
  const variables: Record<string, string> = {};
  for (const { fieldPath, from, to } of template.variables) {
    const start = from > manyAt ? from + extra : from;
    const end = to > manyAt ? to + extra : to;
    const text = path.decoded.slice(start, end).join('/');
    const endsPath = to === template.steps.length && template.verb !== undefined;
    variables[fieldPath] = endsPath ? text.slice(0, -(template.verb.length + 1)) : text;
  }
  return { entry, variables };
}
