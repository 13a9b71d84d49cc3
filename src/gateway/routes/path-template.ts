/** One step of a template: a literal segment, any one segment (`*`), or one or more segments (`**`). */
export type TemplateStep =
  { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'one' } | { readonly kind: 'many' };

/** A variable of a template with the steps that it covers, from `from` to before `to`. */
export interface TemplateVariable {
  /** Field names, joined by dots. */
  readonly fieldPath: string;
  readonly from: number;
  readonly to: number;
}

/** A parsed `google.api.http` path. */
export interface PathTemplate {
  readonly steps: readonly TemplateStep[];
  readonly variables: readonly TemplateVariable[];
  /** The part after the last `:`, where the last step is a variable or a wildcard. */
  readonly verb: string | undefined;
}

/** A template without the names of its variables: templates of the same shape match the same paths. */
export function shapeOf(template: PathTemplate): string {
  const steps = template.steps.map((step) => (step.kind === 'literal' ? step.text : wildcards[step.kind]));
  return `/${steps.join('/')}${template.verb === undefined ? '' : `:${template.verb}`}`;
}

const wildcards = { one: '*', many: '**' } as const;

/**
 * Parses a path template: `/v1/shelves/{shelf}/books/{id}:lend`, `/v5/credentials/name/{name=**}/secret`. Beyond the original
 * grammar it accepts literals after `**`, and a trailing slash, which is ignored.
 *
 * @throws Error where the text is not a template, or contains `**` or a variable twice
 * @see https://github.com/googleapis/googleapis/blob/master/google/api/http.proto
 */
export function parsePathTemplate(text: string): PathTemplate {
  if (!text.startsWith('/')) throw malformed(text, 'does not begin with a slash');
  const { path, verb } = splitVerb(text.endsWith('/') && text !== '/' ? text.slice(0, -1) : text);
  const steps: TemplateStep[] = [];
  const variables: TemplateVariable[] = [];
  const segments = splitSegments(path);
  if (segments.join('/') !== path.slice(1)) throw malformed(text, 'has a brace that is not closed');
  for (const segment of segments) {
    const variable = /^\{([a-z][A-Za-z0-9_.]*)(?:=([^{}]+))?\}$/.exec(segment);
    const from = steps.length;
    for (const part of (variable ? (variable[2] ?? '*') : segment).split('/')) steps.push(parseStep(part, text));
    const fieldPath = variable?.[1];
    if (fieldPath !== undefined) variables.push({ fieldPath, from, to: steps.length });
  }
  if (steps.filter(({ kind }) => kind === 'many').length > 1) throw malformed(text, 'has ** twice');
  const names = new Set(variables.map(({ fieldPath }) => fieldPath));
  if (names.size < variables.length) throw malformed(text, 'names a variable twice');
  return joinLiteralVerb(steps, variables, verb);
}

/** After a literal, the verb is a part of the literal: the last step of `/books:lendAll` is `books:lendAll`. */
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
  if (!/^[A-Za-z0-9._~-]+$/.test(text)) throw malformed(template, 'has a segment that is no literal');
  return { kind: 'literal', text };
}

function splitVerb(text: string): { readonly path: string; readonly verb: string | undefined } {
  const verb = /:([A-Za-z][A-Za-z0-9]*)$/.exec(text);
  return verb ? { path: text.slice(0, verb.index), verb: verb[1] } : { path: text, verb: undefined };
}

/** Splits at the slashes outside of braces. */
function splitSegments(path: string): string[] {
  return path.slice(1).match(/(?:\{[^}]*\}|[^/{])+|(?<=\/)(?=\/|$)/g) ?? [];
}

function malformed(template: string, why: string): Error {
  return new Error(`the path template ${template} ${why}`);
}
