import { isFetchable } from '../authentication/oidc/issuer-documents.ts';
import { parseConfig, type Config, type Environment } from '../config/config.ts';
import { compileTrustedProxies } from '../gateway/port/peer-address.ts';
import { faultOfDatabaseUrl } from '../store/postgres/connect/database-connection.ts';

/**
 * Parses the settings with the formats of the parts that use them. @see parseConfig
 *
 * @param readFile returns the text of a file, or throws
 * @throws ConfigError
 */
export function readConfig(environment: Environment, readFile: (path: string) => string): Config {
  const formats = {
    findDatabaseUrlProblem: faultOfDatabaseUrl,
    isIssuerUrl: isFetchable,
    isProxyList: (addresses: readonly string[]) => compileTrustedProxies(addresses) !== undefined,
  };
  return parseConfig(environment, { readFile, formats });
}
