import { section, textOr, webAddress, whole } from '../setting';

export const sessionsSettings = section('Sessions', {
  KEY_VAULT_URL: {
    schema: webAddress(),
    meaning:
      'Key Vault that holds the secret of session cookies, and the access keys of REDIS_AUTH=key-vault: `https://<name>.vault.azure.net`.',
  },
  SESSION_SECRET_NAME: {
    schema: textOr('session-secret', 'letters, digits and hyphens'),
    meaning: 'Name of the secret in the vault; each rotation is a version of it.',
  },
  SESSION_SECRETS_KEPT: {
    schema: whole(3, 1, 25),
    meaning: 'Versions that stay in force at a rotation, the new one included.',
    danger:
      'A cookie signed with a version that is no longer kept is refused. Do not rotate more often than a cookie lives.',
  },
});
