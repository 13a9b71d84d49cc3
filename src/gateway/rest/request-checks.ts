import { isJsonObject, type JsonValue } from '../../vault/json.ts';
import type { Fault, RestAnswer } from '../contract/dialect.ts';
import { findMisencodedParameter } from '../messages/query-encoding.ts';
import { parametersMax } from '../request/query.ts';
import type { Route } from '../routes/route-table.ts';
import { ProblemError } from '../errors/problem-error.ts';
import { plainAnswer } from '../errors/rest-problems.ts';
import type { RestRequest } from './rest-request.ts';

const tooManyParameters: Fault = {
  source: 'query',
  path: [],
  rule: 'too_many',
  expected: parametersMax,
  input: undefined,
};

/** @throws ProblemError `invalid_request` where a query has too many parameters, or one of them is no UTF-8 */
export function checkQuery({ isQueryCut, rawQuery }: RestRequest): void {
  if (isQueryCut) throw new ProblemError({ kind: 'invalid_request', faults: [tooManyParameters] });
  const name = findMisencodedParameter(rawQuery);
  if (name === undefined) return;
  const fault = { source: 'query', path: name === '' ? [] : [name], rule: 'other', input: undefined } as const;
  throw new ProblemError({ kind: 'invalid_request', faults: [fault] });
}

/** @throws ProblemError `body_missing`, `body_not_object` */
export function checkBody({ body: binding }: Route, needsBody: boolean, body: JsonValue | undefined): void {
  if (body === undefined && needsBody) throw new ProblemError({ kind: 'body_missing' });
  if (body !== undefined && binding.kind === 'all' && !isJsonObject(body)) {
    throw new ProblemError({ kind: 'body_not_object', contentType: 'application/json' });
  }
}

/** The refusal at a path that is answered elsewhere, by these methods. */
export function methodNotAllowed(allow: readonly string[]): RestAnswer {
  const answer = plainAnswer(405, 'unimplemented', 'this path has no such method');
  return { ...answer, headers: { allow: allow.join(', ') } };
}
