import type { Logger } from 'pino';
import { VaultError } from '../../vault/errors.ts';
import type { Dialect, Problem, RestAnswer, RestExchange } from '../contract/dialect.ts';
import type { Exchange } from '../contract/exchange.ts';
import { quote } from './refusal-limits.ts';
import { ProblemError } from './problem-error.ts';
import { describeUnknownError } from './unknown-error.ts';

/** Tells what went wrong, for a dialect to render. Whatever is no refusal is logged, once, and becomes an internal error. */
export function problemOf(error: unknown, { requestId, found }: Exchange, log: Logger): Problem {
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof VaultError) return { kind: 'vault', error };
  log.error({ requestId, route: found.route, error: describeUnknownError(error) }, 'internal error');
  return { kind: 'internal' };
}

/** Lets a dialect render a problem; should it fail, that is an internal error. */
export function renderProblem(dialect: Dialect, problem: Problem, exchange: RestExchange, log: Logger): RestAnswer {
  try {
    return dialect.rest.renderProblem(withQuotes(problem), exchange);
  } catch (error) {
    log.error({ requestId: exchange.requestId, error: describeUnknownError(error) }, 'a problem could not be rendered');
    return plainAnswer(500, 'internal', 'internal error');
  }
}

/** Cuts what a refusal quotes of its request as long as the caller likes. */
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
export interface SpeltAnswer extends Omit<RestAnswer, 'body'> {
  readonly body: string;
}

/** Spells the body of an answer. */
export function spellAnswer({ body, ...answer }: RestAnswer): SpeltAnswer {
  return { ...answer, body: JSON.stringify(body) };
}

/** An answer for what belongs to no dialect: Connect's error body. */
export function plainAnswer(status: number, code: string, message: string): RestAnswer {
  return { status, body: { code, message } };
}
