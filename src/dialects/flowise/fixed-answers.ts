import type { FixedAnswer } from '../../gateway/contract/dialect.ts';

/** A key, in the grey of its surroundings: the same for every kind of credential. */
const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="#808080" ' +
  'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">' +
  '<circle cx="7.5" cy="15.5" r="4.5"/><path d="M10.7 12.3 20 3M16 7l3 3"/></svg>';

/**
 * What Flowise's page asks for beside credentials, without a key: icons of the kinds, and whether and in which version the server
 * runs.
 *
 * @param version the product's
 * @see https://github.com/FlowiseAI/Flowise packages/server/src/routes
 */
export function fixedAnswers(version: string): readonly FixedAnswer[] {
  return [
    { path: '/api/v1/components-credentials-icon/*', contentType: 'image/svg+xml', body: icon },
    { path: '/api/v1/ping', contentType: 'text/plain; charset=utf-8', body: 'pong' },
    { path: '/api/v1/version', contentType: 'application/json; charset=utf-8', body: JSON.stringify({ version }) },
  ];
}
