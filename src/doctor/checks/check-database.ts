import type { SqlPool } from '../../entities/postgres';
import { type Finding, ok, skipped } from '../finding';
import { checkClock } from './check-clock';
import { attempt } from './limited';

const advice =
  'Check DATABASE_URL, that the database lets this network in, its connection limit, and the user’s password.';

/** Whether the database answers a statement, and what time it is there. Undefined: none is configured. */
export async function checkDatabase(pool: SqlPool | undefined): Promise<Finding[]> {
  if (pool === undefined) return [skipped('database', 'DATABASE_URL is not set')];
  let skewMs = Number.NaN;
  const answer = await attempt('database', 'no statement was answered', advice, async () => {
    const before = Date.now();
    const { rows } = await pool.query('select extract(epoch from clock_timestamp()) * 1000 as now');
    skewMs = Number(rows[0]?.now) - (before + Date.now()) / 2;
    return ok('database', `answers within ${Date.now() - before} ms`);
  });
  return answer.state === 'ok' ? [answer, checkClock('database.clock', 'the database', skewMs)] : [answer];
}
