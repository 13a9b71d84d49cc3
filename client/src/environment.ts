import { InvalidArgumentError } from './errors/errors.ts';
import type { CofferOptions } from './options.ts';

/** Variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where `COFFER_URL` is absent. */
export const defaultUrl = 'http://127.0.0.1:3978';

/**
 * The settings in `COFFER_URL`, `COFFER_TOKEN` or `COFFER_TOKEN_FILE`, and `COFFER_WORKSPACE`. The file is read again for
 * every call, so that a token that is replaced there is used at once.
 *
 * @param readFile returns the text of a file
 * @throws InvalidArgumentError where both COFFER_TOKEN and COFFER_TOKEN_FILE are set
 */
export function parseEnvironment(environment: Environment, readFile: (path: string) => string): CofferOptions {
  const { COFFER_URL: url, COFFER_TOKEN: token, COFFER_TOKEN_FILE: file, COFFER_WORKSPACE: workspace } = environment;
  if (token && file) {
    throw new InvalidArgumentError('COFFER_TOKEN and COFFER_TOKEN_FILE are both set', { code: 'invalid_argument' });
  }
  return {
    url: url || defaultUrl,
    ...(token && { token }),
    ...(file && { token: () => readFile(file).trim() }),
    ...(workspace && { workspace }),
  };
}
