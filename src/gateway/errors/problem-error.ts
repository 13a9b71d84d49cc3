import type { Problem } from '../contract/dialect.ts';

/** Ends a REST request with a problem that its dialect renders. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.kind);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}
