import type { Logger } from 'pino';
import { VaultError } from '../../vault/errors.ts';
import type { Dialect, Problem, RestAnswer, RestExchange } from '../contract/dialect.ts';
import type { Exchange } from '../contract/exchange.ts';
import { quote } from './refusal-limits.ts';
import { describeUnknownError } from './unknown-error.ts';

/** Ends a REST request with a problem that its dialect renders. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.kind);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}

/** The problem for a dialect to render. An unexpected error is logged once and becomes an internal error. */
export function problemOf(error: unknown, { requestId, found }: Exchange, log: Logger): Problem {
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof VaultError) return { kind: 'vault', error };
  log.error({ requestId, route: found.route, error: describeUnknownError(error) }, 'internal error');
  return { kind: 'internal' };
}

/** Renders a problem in the format of a dialect; if that fails, it is an internal error. */
export function renderProblem(dialect: Dialect, problem: Problem, exchange: RestExchange, log: Logger): RestAnswer {
  try {
    return dialect.rest.renderProblem(withQuotes(problem), exchange);
  } catch (error) {
    log.error({ requestId: exchange.requestId, error: describeUnknownError(error) }, 'a problem could not be rendered');
    return plainAnswer(500, 'internal', 'internal error');
  }
}

/** Shortens the texts of the request that a refusal quotes. */
function withQuotes(problem: Problem): Problem {
  if (problem.kind !== 'vault') return problem;
  const { code, message, details } = problem.error;
  const { id, workspace } = details;
  const quoted = {
    ...(id !== undefined && { id: quote(id) }),
    ...(workspace !== undefined && { workspace: quote(workspace) }),
  };
  if (quoted.id === id && quoted.workspace === workspace) return problem;
  return { kind: 'vault', error: new VaultError(code, message, { ...details, ...quoted }, { cause: problem.error }) };
}

/** An answer whose body is JSON text, ready to be sent. */
export interface SerializedAnswer extends Omit<RestAnswer, 'body'> {
  readonly body: string;
}

/** Serializes the body of an answer. */
export function serializeAnswer({ body, ...answer }: RestAnswer): SerializedAnswer {
  return { ...answer, body: JSON.stringify(body) };
}

/** An answer that belongs to no dialect, with Connect's error body. */
export function plainAnswer(status: number, code: string, message: string): RestAnswer {
  return { status, body: { code, message } };
}
