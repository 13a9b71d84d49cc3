import type { CredentialFilter } from '../../vault/credentials/ports.ts';

/** The vault's auth types as a dialect that has fewer of them shows them. */
export interface AuthTypeMapping {
  /** The name that is shown for an auth type, in upper or lower case, whichever dialect created the credential. */
  readonly nameOf: (authType: string) => string;
  /** Selects exactly the credentials that are shown with a name. */
  readonly filterOf: (name: string) => Pick<CredentialFilter, 'authTypes' | 'authTypesExcept'>;
}

/** By dialect: each name, with the auth types that are shown as it: the dialect's own first, then the nearest of others. */
export const authTypeMappings = {
  mielto: authTypeMapping('custom', {
    api_key: ['api_key', 'key'],
    oauth_token: ['oauth_token', 'oauth2'],
    oauth_token_refresh: ['oauth_token_refresh'],
    oauth_token_refresh_rotation: ['oauth_token_refresh_rotation'],
    basic_auth: ['basic_auth'],
    access_token: ['access_token', 'slack', 'bearer_token', 'jwt'],
    access_token_refresh: ['access_token_refresh'],
    public_key_secret: ['public_key_secret', 'ssh_key'],
    connection_string: ['connection_string'],
  }),
  // Of other dialects' auth types, those whose secret is usually one text.
  scale: authTypeMapping('json', {
    key: ['api_key', 'key', 'access_token', 'bearer_token', 'jwt', 'oauth_token', 'connection_string'],
  }),
  miniflow: authTypeMapping('CUSTOM', {
    API_KEY: ['api_key', 'key'],
    SLACK: ['slack'],
    OAUTH2: ['oauth2', 'oauth_token', 'oauth_token_refresh', 'oauth_token_refresh_rotation'],
    BASIC_AUTH: ['basic_auth'],
    JWT: ['jwt'],
    AWS_CREDENTIALS: ['aws_credentials'],
    GCP_SERVICE_ACCOUNT: ['gcp_service_account'],
    SSH_KEY: ['ssh_key', 'public_key_secret'],
    BEARER_TOKEN: ['bearer_token', 'access_token', 'access_token_refresh'],
  }),
} as const;

/** @param nameOfOthers the name of every auth type that is not in `authTypesByName` */
function authTypeMapping(
  nameOfOthers: string,
  authTypesByName: Readonly<Record<string, readonly string[]>>,
): AuthTypeMapping {
  const entries = Object.entries(authTypesByName);
  const names = new Map(entries.flatMap(([name, authTypes]) => authTypes.map((authType) => [authType, name] as const)));
  return {
    nameOf: (authType) => names.get(authType.toLowerCase()) ?? nameOfOthers,
    filterOf: (name) =>
      name === nameOfOthers ? { authTypesExcept: [...names.keys()] } : { authTypes: authTypesByName[name] ?? [] },
  };
}
