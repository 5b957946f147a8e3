import type { Command } from 'commander';
import { newSessionId } from '../../sessions/record/session-keys';
import { createKeyVaultSecrets } from '../../sessions/secrets/key-vault-secrets';
import type { SecretVault } from '../../sessions/secrets/session-secrets';
import { readSettings } from '../../settings';
import type { CliIo } from '../io';

/** How a command comes by the vault; tests pass their own. */
export type OpenVault = (options: { vaultUrl: string; name: string; kept: number; clientId?: string }) => SecretVault;

/** `cache-steward secrets init | rotate`: makes the secret that session cookies are signed with. */
export function registerSecrets(program: Command, io: CliIo, open: OpenVault = createKeyVaultSecrets): void {
  const secrets = program.command('secrets').description('The secret of session cookies, kept in Key Vault.');

  const vaultOf = (): { vault: SecretVault; name: string; kept: number } | undefined => {
    const settings = readSettings(io.env);
    const { KEY_VAULT_URL: vaultUrl, SESSION_SECRET_NAME: name, SESSION_SECRETS_KEPT: kept } = settings;
    if (vaultUrl === undefined) {
      io.err('KEY_VAULT_URL: expected the https URL of a Key Vault, got nothing');
      io.exit(2);
      return undefined;
    }
    const clientId = settings.AzureWebJobsStorage__clientId;
    return { vault: open({ vaultUrl, name, kept, ...(clientId && { clientId }) }), name, kept };
  };

  secrets
    .command('init')
    .description('Make the first version where there is none; otherwise change nothing.')
    .action(async () => {
      const target = vaultOf();
      if (target === undefined) return;
      if ((await target.vault.read()).length > 0) {
        io.out(`${target.name}: there is a secret already; nothing changed`);
        return;
      }
      await target.vault.add(newSessionId());
      io.out(`${target.name}: made`);
    });

  secrets
    .command('rotate')
    .description('Make a new version and put the oldest out of force. Nobody is logged out while versions are kept.')
    .action(async () => {
      const target = vaultOf();
      if (target === undefined) return;
      await target.vault.add(newSessionId());
      const retired = await target.vault.retire(target.kept);
      io.out(`${target.name}: rotated; ${retired} older ${retired === 1 ? 'version' : 'versions'} put out of force`);
    });
}
