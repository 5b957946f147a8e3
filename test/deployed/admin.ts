import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { type Client, createClient, createEntities, readSettings } from '../../src/index';
import { silentLogger } from '../../src/logger';
import type { Platform } from './platform';

/** One who may do everything, and looks at what came of it. */
export interface Admin {
  readonly client: Client;
  stop(): Promise<void>;
}

export function openAdmin(platform: Platform): Admin {
  const trusted = getCACertificates('default');
  setDefaultCACertificates([...trusted, readFileSync(platform.caFile, 'utf8')]);
  const client = createClient({
    ...{ entities: createEntities, logger: silentLogger },
    settings: readSettings({ REDIS_DEADLINE_MS: '5000', ...platform.adminEnvironment }),
  });
  return {
    client,
    async stop() {
      await client.close();
      setDefaultCACertificates(trusted);
    },
  };
}
