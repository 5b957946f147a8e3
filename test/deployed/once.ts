import { join } from 'node:path';
import { jobsOf } from '../../local/once/jobs';
import { runOnce } from '../../local/once/run';
import { renderTable } from '../../local/once/table';
import { projectRoot } from '../../local/servers/paths';
import { ensureBuilt } from '../built';
import { type ParameterFile, readSnapshot } from '../infra/infra';
import { type Admin, openAdmin } from './admin';
import { type DeployedApp, startDeployedApp } from './deployed-app';
import { type Platform, startPlatform } from './platform';
import { startWeb, type Web } from './web';

/**
 * What an operator gives besides the parameter file, by `app.settings`: the test alert is a rule of one's own, and is
 * seen at once. A database and a webhook are given to every deployment here.
 */
const OPERATOR = {
  settings: {
    ALERT_RULES_FILE: join(projectRoot, 'local/once/alert-rules.json'),
    ALERT_GROUP_INTERVAL_SECONDS: '0',
  },
};

/** The checks of `npm start -- --once` hold on the published app under a parameter file's settings. */
export function describeOnce(name: ParameterFile): void {
  describe(`the checks of --once, as ${name} deploys the app`, () => {
    let platform: Platform | undefined;
    let app: DeployedApp | undefined;
    let web: Web | undefined;
    let admin: Admin | undefined;

    afterAll(async () => {
      await admin?.stop();
      await web?.stop();
      await app?.stop();
      await platform?.stop();
    }, 60_000);

    test('hold', async () => {
      ensureBuilt();
      platform = await startPlatform(readSnapshot(name), OPERATOR);
      if (!platform) {
        process.stderr.write(
          `SKIPPED the checks of --once under ${name}: Redis 6.0 can neither be found nor downloaded\n`,
        );
        return;
      }
      const started = await startDeployedApp(platform);
      app = started;
      web = await startWeb(platform);
      admin = openAdmin(platform);
      const { client } = admin;
      const host = {
        ...{ kind: 'local' as const, address: started.address, process: started.process, fire: started.fire },
        functions: async () => started.functions,
      };
      const checks = await runOnce({
        client,
        jobs: jobsOf(host, started.runs, client.settings, client.settings.AzureWebJobsStorage ?? ''),
        webhook: { ...platform.webhook, url: '' },
        address: web.address,
        say: (line) => process.stderr.write(`${name}: ${line}\n`),
      });
      process.stderr.write(renderTable(checks));
      expect(checks.length).toBeGreaterThanOrEqual(6);
      expect(checks.filter(({ ok }) => !ok)).toEqual([]);
      expect(platform.refused.filter((request) => request.startsWith('app '))).toEqual([]);
    }, 300_000);
  });
}
