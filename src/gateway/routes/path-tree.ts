import { shapeOf, type PathTemplate, type TemplateStep } from './path-template.ts';

/** A request's path, split at its slashes; a slash at the end is dropped. */
export interface SplitPath {
  readonly raw: readonly string[];
  /** The same segments, percent-decoded. */
  readonly decoded: readonly string[];
}

/** A template that fits a path, with what its variables hold. */
export interface PathMatch<Entry> {
  readonly entry: Entry;
  readonly variables: Readonly<Record<string, string>>;
}

/** Finds the entries whose templates fit a path. */
export interface PathTree<Entry> {
  add(template: PathTemplate, entry: Entry): void;
  /**
   * The matches, in groups of templates that are equally specific, the most specific first: at the first step where two
   * differ, a literal beats a variable, and a single segment beats `**`.
   */
  find(path: SplitPath): readonly (readonly PathMatch<Entry>[])[];
  /** The entries below the longest literal beginning that some template shares with the path; none where that is empty. */
  findNeighbours(path: SplitPath): readonly Entry[];
}

const notAscii = /[^\0-\x7f]/;

/**
 * Splits and decodes a path. Every variable is decoded fully, also one of several segments: google.api.http would keep `%2F`
 * there, but the one API that has such a path takes names that hold a slash, which its clients spell either way.
 *
 * @returns undefined where a byte is no ASCII, a percent sign is not followed by two hex digits, or what is encoded is not UTF-8
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
  /** Templates whose next step is `**`, those of one shape together. */
  readonly many: Leaf<Entry>[][];
  readonly leaves: Leaf<Entry>[];
  readonly below: Entry[];
}

interface Leaf<Entry> {
  readonly template: PathTemplate;
  readonly entry: Entry;
  /** Where `**` stands among the steps, or behind all of them. */
  readonly manyAt: number;
}

/** Makes an empty tree. */
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
  // Behind `**`, more literals are more specific.
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

/** Where a template has the path's verb, the verb is one: then it is no part of a variable of another template. */
function addLeaves<Entry>(node: Node<Entry>, path: SplitPath, groups: PathMatch<Entry>[][]): void {
  const verb = verbOf(path);
  const withVerb = verb === undefined ? [] : node.leaves.filter(({ template }) => template.verb === verb);
  const leaves = withVerb.length > 0 ? withVerb : node.leaves.filter(({ template }) => template.verb === undefined);
  if (leaves.length > 0) groups.push(leaves.map((leaf) => toMatch(leaf, path, 0)));
}

/** An encoded colon is a part of the segment, not the beginning of a verb. */
function verbOf(path: SplitPath): string | undefined {
  const last = path.raw.at(-1) ?? '';
  const colon = last.lastIndexOf(':');
  return colon > 0 ? last.slice(colon + 1) : undefined;
}

function matchMany<Entry>(leaf: Leaf<Entry>, path: SplitPath, at: number): PathMatch<Entry> | undefined {
  const { steps, verb } = leaf.template;
  const behind = steps.slice(at + 1);
  const taken = path.decoded.length - at - behind.length;
  if (taken < 1 || (taken === 1 && path.decoded[at] === '')) return undefined;
  if (verb !== undefined && verbOf(path) !== verb) return undefined;
  const fits = behind.every((step, index) => {
    const segment = path.decoded[at + taken + index];
    return step.kind === 'literal' ? step.text === segment : segment !== '';
  });
  return fits ? toMatch(leaf, path, taken - 1) : undefined;
}

/** @param extra how many segments `**` covers beyond the first */
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
