import { nearestNames } from '../nearest-names.ts';

/** MiniFlow's types: its own, and the nearest to the auth types of other dialects. */
export const credentialTypes = nearestNames(
  {
    api_key: 'API_KEY',
    slack: 'SLACK',
    oauth2: 'OAUTH2',
    basic_auth: 'BASIC_AUTH',
    jwt: 'JWT',
    aws_credentials: 'AWS_CREDENTIALS',
    gcp_service_account: 'GCP_SERVICE_ACCOUNT',
    ssh_key: 'SSH_KEY',
    bearer_token: 'BEARER_TOKEN',
    key: 'API_KEY',
    oauth_token: 'OAUTH2',
    oauth_token_refresh: 'OAUTH2',
    oauth_token_refresh_rotation: 'OAUTH2',
    access_token: 'BEARER_TOKEN',
    access_token_refresh: 'BEARER_TOKEN',
    public_key_secret: 'SSH_KEY',
  },
  'CUSTOM',
);
