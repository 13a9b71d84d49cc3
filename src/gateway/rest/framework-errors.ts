import type { RestAnswer } from '../contract/dialect.ts';
import { plainAnswer } from '../errors/rest-problems.ts';

/** Tells whether the web framework does not even know the method of a request. */
export function isUnknownMethod(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'FST_ERR_NOT_FOUND';
}

/** The answer where the web framework blames the client; its own words are left out, since they quote him. */
export function answerOfFramework(error: unknown): RestAnswer | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  const { statusCode } = error;
  if (statusCode < 400 || statusCode > 499) return undefined;
  return plainAnswer(statusCode, 'invalid_argument', 'the request can not be read');
}
