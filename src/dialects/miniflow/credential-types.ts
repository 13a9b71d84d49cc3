/** MiniFlow's types by the vault's auth types, in lower case: its own, and the nearest to those of other dialects. */
const typesByAuthType: ReadonlyMap<string, string> = new Map([
  ['api_key', 'API_KEY'],
  ['slack', 'SLACK'],
  ['oauth2', 'OAUTH2'],
  ['basic_auth', 'BASIC_AUTH'],
  ['jwt', 'JWT'],
  ['aws_credentials', 'AWS_CREDENTIALS'],
  ['gcp_service_account', 'GCP_SERVICE_ACCOUNT'],
  ['ssh_key', 'SSH_KEY'],
  ['bearer_token', 'BEARER_TOKEN'],
  ['custom', 'CUSTOM'],
  ['key', 'API_KEY'],
  ['oauth_token', 'OAUTH2'],
  ['oauth_token_refresh', 'OAUTH2'],
  ['oauth_token_refresh_rotation', 'OAUTH2'],
  ['access_token', 'BEARER_TOKEN'],
  ['access_token_refresh', 'BEARER_TOKEN'],
  ['public_key_secret', 'SSH_KEY'],
]);

const typeOfAllOthers = 'CUSTOM';

/** The type that a credential of any dialect is shown as. */
export function credentialTypeOf(authType: string): string {
  return typesByAuthType.get(authType.toLowerCase()) ?? typeOfAllOthers;
}

/** The auth types that are shown as a type; undefined for the type of all others, which no list can name. */
export function authTypesOf(credentialType: string): readonly string[] | undefined {
  if (credentialType === typeOfAllOthers) return undefined;
  return Array.from(typesByAuthType).flatMap(([authType, type]) => (type === credentialType ? [authType] : []));
}
