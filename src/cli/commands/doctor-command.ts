import type { Command } from 'commander';
import { examine, type VaultAccess } from '../../doctor';
import { type CliIo, lineOf } from '../io';

/** `cache-steward doctor [--json]`: looks at everything the app needs; exits 1 if something is wrong. */
export function registerDoctor(program: Command, io: CliIo, vault?: VaultAccess): void {
  program
    .command('doctor')
    .description(
      'Check settings, names, network, TLS, sign-in, permissions, the server, Key Vault, storage and the webhook.',
    )
    .option('--json', 'print one object instead of lines')
    .action(async ({ json }: { json?: boolean }) => {
      const findings = await examine(io.env, vault);
      const errors = findings.filter(({ state }) => state === 'error').length;
      const warnings = findings.filter(({ state }) => state === 'warning').length;
      if (json) io.out(JSON.stringify({ ok: errors === 0, errors, warnings, findings }, null, 2));
      else {
        for (const finding of findings) {
          io.out(lineOf(finding));
          if (finding.advice !== undefined) io.out(`${' '.repeat(26)}→ ${finding.advice}`);
        }
        io.out(`${findings.length} checks: ${errors} wrong, ${warnings} to look at`);
      }
      io.exit(errors === 0 ? 0 : 1);
    });
}
