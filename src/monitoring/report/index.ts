import { DAY } from '../../clock';
import type { CensusView } from '../../hygiene';
import type { JobReport } from '../../job';
import type { StorageClients } from '../../storage/clients';
import type { SampleStore } from '../samples/sample-store';
import { collectReport, type ReportAlert, type ReportData } from './report-data';
import { renderReport } from './report-page';

export interface ReportOptions {
  readonly cache: string;
  readonly store: SampleStore;
  readonly storage: StorageClients;
  /** Every known firing, including those that still fire. */
  readonly alerts: () => Promise<readonly ReportAlert[]>;
  /** The newest census; undefined before the first. */
  readonly census: () => Promise<CensusView | undefined>;
}

export interface Report {
  /** Writes the report of the day before `at`, as a page and as JSON; a second call replaces it. */
  write(at: Date): Promise<JobReport>;
  /** Makes the report of the `sinceMs` before `at`, without storing it. */
  make(at: Date, sinceMs: number): Promise<{ readonly data: ReportData; readonly html: string }>;
}

export function createReport({ cache, store, storage, alerts, census }: ReportOptions): Report {
  const make = async (at: Date, sinceMs: number) => {
    const known = { alerts: await alerts(), census: await census() };
    const data = await collectReport(store, cache, at.getTime(), sinceMs, known);
    return { data, html: renderReport(data) };
  };
  return {
    make,
    write: async (at) => {
      const { data, html } = await make(at, DAY);
      const container = await storage.container('reports');
      const name = at.toISOString().slice(0, 10);
      for (const [suffix, body, type] of [
        ['json', JSON.stringify(data, null, 2), 'application/json'],
        ['html', html, 'text/html; charset=utf-8'],
      ] as const) {
        await container
          .getBlockBlobClient(`${name}.${suffix}`)
          .upload(body, Buffer.byteLength(body), { blobHTTPHeaders: { blobContentType: type } });
      }
      return {
        summary: `report of ${name}: ${data.advice[0]}`,
        figures: { alerts: data.alerts.length, advice: data.advice.length, htmlBytes: Buffer.byteLength(html) },
      };
    },
  };
}
