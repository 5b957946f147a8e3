import { systemClock } from '../../clock';
import { openRecords, type SweepProgress } from '../../hygiene';
import { readProgress } from '../../hygiene/records/sweep-progress';
import { readSettings } from '../../settings';
import { storageClients } from '../../storage/clients';
import { count, textOf } from './bar';

/** How far the scheduled passes are, from their records in the storage account. */
export async function showStatus(
  environment: Readonly<Record<string, string | undefined>>,
  json: boolean,
): Promise<readonly string[]> {
  const storage = storageClients(readSettings(environment));
  const passes = await readProgress(openRecords(storage), systemClock);
  if (json)
    return [
      JSON.stringify(
        passes.map(({ last, ...now }) => ({ ...now, last: last && withoutFindings(last) })),
        null,
        2,
      ),
    ];
  return passes.length === 0 ? ['no pass has ever run'] : passes.flatMap(linesOf);
}

function linesOf(progress: SweepProgress): string[] {
  const { last } = progress;
  const now = progress.status === 'running' ? [`${textOf(progress)}, since ${iso(progress.startedAt)}`] : [];
  if (!last) return now;
  const outcome = last.faults.length === 0 ? 'complete' : last.faults.join('; ');
  return [...now, `${progress.pass} last ended ${iso(last.finishedAt)}: ${count(last.examined)} keys, ${outcome}`];
}

const iso = (at: number): string => new Date(at).toISOString();

const withoutFindings = <T extends { findings: unknown }>({ findings: _, ...rest }: T) => rest;
