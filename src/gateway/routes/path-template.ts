/** One step of a template: a literal segment, any one segment, or one segment or more. */
export type TemplateStep =
  { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'one' } | { readonly kind: 'many' };

/** A variable of a template, and the steps that it covers; `to` is the first one behind it. */
export interface TemplateVariable {
  /** Names of fields, joined by dots. */
  readonly fieldPath: string;
  readonly from: number;
  readonly to: number;
}

/** A `google.api.http` path, read. */
export interface PathTemplate {
  readonly steps: readonly TemplateStep[];
  readonly variables: readonly TemplateVariable[];
  /** What follows the last `:`, where the last step is a variable or a wildcard. */
  readonly verb: string | undefined;
}

/** What a template matches, without the names of its variables: templates of one shape match the same paths. */
export function shapeOf(template: PathTemplate): string {
  const steps = template.steps.map((step) => (step.kind === 'literal' ? step.text : wildcards[step.kind]));
  return `/${steps.join('/')}${template.verb === undefined ? '' : `:${template.verb}`}`;
}

const wildcards = { one: '*', many: '**' } as const;

/**
 * Reads a path template: `/v1/shelves/{shelf}/books/{id}:lend`, `/v5/credentials/name/{name=**}/secret`. Unlike the original
 * grammar it takes literals behind `**`, and a slash at the end, which has no meaning.
 *
 * @throws Error where the text is not a template, or holds `**` or a variable twice
 * @see https://github.com/googleapis/googleapis/blob/master/google/api/http.proto
 */
export function parsePathTemplate(text: string): PathTemplate {
  if (!text.startsWith('/')) throw malformed(text, 'begins without a slash');
  const { path, verb } = splitVerb(text.endsWith('/') && text !== '/' ? text.slice(0, -1) : text);
  const steps: TemplateStep[] = [];
  const variables: TemplateVariable[] = [];
  const segments = splitSegments(path);
  if (segments.join('/') !== path.slice(1)) throw malformed(text, 'holds a brace that is not closed');
  for (const segment of segments) {
    const variable = /^\{([a-z][A-Za-z0-9_.]*)(?:=([^{}]+))?\}$/.exec(segment);
    const from = steps.length;
    for (const part of (variable ? (variable[2] ?? '*') : segment).split('/')) steps.push(parseStep(part, text));
    const fieldPath = variable?.[1];
    if (fieldPath !== undefined) variables.push({ fieldPath, from, to: steps.length });
  }
  if (steps.filter(({ kind }) => kind === 'many').length > 1) throw malformed(text, 'holds ** twice');
  const names = new Set(variables.map(({ fieldPath }) => fieldPath));
  if (names.size < variables.length) throw malformed(text, 'names a variable twice');
  return joinLiteralVerb(steps, variables, verb);
}

/** `/books:lendAll` needs no verb: its last step is the literal `books:lendAll`. */
function joinLiteralVerb(
  steps: readonly TemplateStep[],
  variables: readonly TemplateVariable[],
  verb: string | undefined,
): PathTemplate {
  const last = steps.at(-1);
  if (verb === undefined || last?.kind !== 'literal') return { steps, variables, verb };
  return {
    steps: [...steps.slice(0, -1), { kind: 'literal', text: `${last.text}:${verb}` }],
    variables,
    verb: undefined,
  };
}

function parseStep(text: string, template: string): TemplateStep {
  if (text === '*') return { kind: 'one' };
  if (text === '**') return { kind: 'many' };
  if (!/^[A-Za-z0-9._~-]+$/.test(text)) throw malformed(template, 'holds a segment that is no literal');
  return { kind: 'literal', text };
}

function splitVerb(text: string): { readonly path: string; readonly verb: string | undefined } {
  const verb = /:([A-Za-z][A-Za-z0-9]*)$/.exec(text);
  return verb ? { path: text.slice(0, verb.index), verb: verb[1] } : { path: text, verb: undefined };
}

/** At the slashes outside of braces. */
function splitSegments(path: string): string[] {
  return path.slice(1).match(/(?:\{[^}]*\}|[^/{])+|(?<=\/)(?=\/|$)/g) ?? [];
}

function malformed(template: string, why: string): Error {
  return new Error(`the path template ${template} ${why}`);
}
