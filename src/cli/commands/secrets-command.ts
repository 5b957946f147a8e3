import type { Command } from 'commander';
import { newSessionId } from '../../sessions/record/session-keys';
import { createKeyVaultSecrets } from '../../sessions/secrets/key-vault-secrets';
import type { SecretVault } from '../../sessions/secrets/session-secrets';
import { readSettings } from '../../settings';
import type { CliIo } from '../io';

/** Opens the vault; tests pass their own. */
export type OpenVault = (options: { vaultUrl: string; name: string; kept: number; clientId?: string }) => SecretVault;

/** `cache-steward secrets init | rotate`: creates the secret that signs session cookies. */
export function registerSecrets(program: Command, io: CliIo, open: OpenVault = createKeyVaultSecrets): void {
  const secrets = program
    .command('secrets')
    .description('Create and rotate the secret of session cookies in Key Vault.');

  const vaultOf = (): { vault: SecretVault; name: string; kept: number } | undefined => {
    const settings = readSettings(io.env);
    const { KEY_VAULT_URL: vaultUrl, SESSION_SECRET_NAME: name, SESSION_SECRETS_KEPT: kept } = settings;
    if (vaultUrl === undefined) {
      io.err('KEY_VAULT_URL is not set. Set it to the https URL of the Key Vault that holds the secret.');
      io.exit(2);
      return undefined;
    }
    const clientId = settings.AzureWebJobsStorage__clientId;
    return { vault: open({ vaultUrl, name, kept, ...(clientId && { clientId }) }), name, kept };
  };

  secrets
    .command('init')
    .description('Create the first version of the secret. Changes nothing if there is one already.')
    .action(async () => {
      const target = vaultOf();
      if (target === undefined) return;
      if ((await target.vault.read()).length > 0) {
        io.out(`${target.name}: the secret already exists; nothing was changed`);
        return;
      }
      await target.vault.add(newSessionId());
      io.out(`${target.name}: created`);
    });

  secrets
    .command('rotate')
    .description('Create a new version and disable the oldest. Nobody is logged out while older versions are kept.')
    .action(async () => {
      const target = vaultOf();
      if (target === undefined) return;
      await target.vault.add(newSessionId());
      const retired = await target.vault.retire(target.kept);
      io.out(`${target.name}: rotated; ${retired} older ${retired === 1 ? 'version' : 'versions'} disabled`);
    });
}
