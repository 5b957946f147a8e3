import type { SqlPool } from '../../../src/entities/postgres';
import type { StoredWrite } from './model';

/** Lets the database itself note each row that goes back or away, at whatever moment. */
export async function watchRegressions(pool: SqlPool): Promise<void> {
  await pool.query(`
    create table regressions (key text, was bigint, became bigint);
    create function note_regression() returns trigger language plpgsql as $$ begin
      if tg_op = 'DELETE' then insert into regressions values (old.key, old.version, null);
      elsif new.version <= old.version then insert into regressions values (old.key, old.version, new.version);
      end if;
      return null;
    end $$;
    create trigger note_regression after update or delete on cache_entries
      for each row execute function note_regression();`);
}

/** Everything that the database has, and how often one of its rows went back. */
export async function readRows(pool: SqlPool): Promise<{ rows: StoredWrite[]; regressed: number }> {
  const [entries, regressions] = await Promise.all([
    pool.query(
      `select key, lpad(version::text, 19, '0') as version, deleted,
         value - 'fill' as mark, md5(value ->> 'fill') as fill from cache_entries`,
    ),
    pool.query('select count(*)::int as count from regressions'),
  ]);
  const rows = entries.rows as unknown as readonly (StoredWrite & { readonly deleted: boolean })[];
  return {
    rows: rows.map(({ deleted, ...row }) => (deleted ? { ...row, mark: null, fill: null } : row)),
    regressed: regressions.rows[0]?.count as number,
  };
}
