import type { IncomingMessage } from 'node:http';
import type { RestAnswer } from '../contract/dialect.ts';
import { plainAnswer } from '../errors/rest-problems.ts';
import { hasSeveralHosts, hostOf } from './request-identity.ts';

interface Rule {
  readonly isBroken: (request: IncomingMessage) => boolean;
  readonly answer: RestAnswer;
}

/** What every request must keep to, whatever it asks for. */
const rules: readonly Rule[] = [
  { isBroken: hasNoHost, answer: plainAnswer(400, 'invalid_argument', 'the request names no host') },
  { isBroken: hasSeveralHosts, answer: plainAnswer(400, 'invalid_argument', 'the request names more than one host') },
  { isBroken: hasOddTarget, answer: plainAnswer(400, 'invalid_argument', 'the target of the request is not a path') },
  {
    isBroken: expectsMore,
    answer: plainAnswer(417, 'failed_precondition', 'the only expectation that can be met is 100-continue'),
  },
];

/** The refusal of a request that is not well formed as HTTP has it; undefined for all others. */
export function refusalOfMalformed(request: IncomingMessage): RestAnswer | undefined {
  return rules.find(({ isBroken }) => isBroken(request))?.answer;
}

/** @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2 */
function hasNoHost(request: IncomingMessage): boolean {
  return request.httpVersion === '1.1' && hostOf(request) === undefined;
}

/** @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2.4 (asterisk-form) */
function hasOddTarget({ method, url = '/' }: IncomingMessage): boolean {
  return !url.startsWith('/') && !(url === '*' && method === 'OPTIONS');
}

/** HTTP/1.0 has no expectations. @see https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1 */
function expectsMore({ headers: { expect }, httpVersion }: IncomingMessage): boolean {
  return expect !== undefined && httpVersion !== '1.0' && expect.trim().toLowerCase() !== '100-continue';
}
