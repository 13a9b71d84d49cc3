import { nearestNames } from '../nearest-names.ts';

/** The names of `auth_type`, which stand for themselves; those of other dialects are shown as the nearest of them. */
export const authTypes = nearestNames(
  {
    api_key: 'api_key',
    oauth_token: 'oauth_token',
    oauth_token_refresh: 'oauth_token_refresh',
    oauth_token_refresh_rotation: 'oauth_token_refresh_rotation',
    basic_auth: 'basic_auth',
    access_token: 'access_token',
    access_token_refresh: 'access_token_refresh',
    public_key_secret: 'public_key_secret',
    connection_string: 'connection_string',
    key: 'api_key',
    slack: 'access_token',
    bearer_token: 'access_token',
    jwt: 'access_token',
    oauth2: 'oauth_token',
    ssh_key: 'public_key_secret',
  },
  'custom',
);
