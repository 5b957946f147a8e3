import { EntityError } from '../define-entity';

/** The table of an entity. The defaults fit the table `cache_entries`. */
export interface TableMapping {
  /** Name, with a schema unless it is on the search path: `shop.products`. Default: `cache_entries`. */
  readonly table?: string;
  readonly columns?: TableColumns;
  /** Type of the key column, as in `create table`. Default: `text`. */
  readonly keyType?: string;
  /**
   * Removed from a logical key before it is stored, and added again: with `product:catalog:` the key
   * `product:catalog:42` is the row `42`. Default: nothing is removed.
   */
  readonly keyPrefix?: string;
  /**
   * Stores members of the value in columns of their own, instead of one value column. A member without a column is not
   * stored. The columns must allow nulls, since deleting a row that does not exist writes a tombstone.
   */
  readonly members?: Readonly<Record<string, { readonly column: string; readonly type: string }>>;
  /** SQL that creates the table. Idempotent. Default: that of the default table; none for any other table. */
  readonly migration?: string;
}

/** Names of the columns. */
export interface TableColumns {
  /** Must be unique, since `on conflict` uses it. Default: `key`. */
  readonly key?: string;
  /**
   * `jsonb` or `json`. PostgreSQL refuses some JSON: U+0000, lone surrogates, and numbers outside `numeric`. Such a
   * write becomes a dead letter. Default: `value`.
   */
  readonly value?: string;
  /** `bigint`. Null is older than every write. Default: `version`. */
  readonly version?: string;
  /** `boolean`. Default: `deleted`. */
  readonly deleted?: string;
  /** `timestamptz`, or null if the table has no such column. Default: `updated_at`. */
  readonly updatedAt?: string | null;
}

export interface TableSql {
  readonly save: string;
  readonly load: string;
  readonly versions: string;
  readonly migration: string | undefined;
  readonly keyPrefix: string;
}

export const DEFAULT_TABLE = 'cache_entries';

const DEFAULT_MIGRATION = `create table if not exists ${DEFAULT_TABLE} (
  key text primary key,
  value jsonb,
  version bigint not null,
  deleted boolean not null default false,
  updated_at timestamptz not null default now()
)`;

const TYPE = /^[a-z_][a-z0-9_ ]*(\(\d+(, ?\d+)?\))?(\[\])?$/i;

function typeName(type: string): string {
  if (!TYPE.test(type)) throw new EntityError(`Expected the name of a PostgreSQL type, got ${JSON.stringify(type)}`);
  return type;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * The SQL statements of a table. `save` takes three arrays of equal length: keys as text, values as jsonb with null for a
 * delete, and versions. Throws `E_ENTITY`.
 */
export function tableSql(mapping: TableMapping): TableSql {
  const table = (mapping.table ?? DEFAULT_TABLE).split('.').map(quoted).join('.');
  const names = mapping.columns ?? {};
  const key = quoted(names.key ?? 'key');
  const version = quoted(names.version ?? 'version');
  const deleted = quoted(names.deleted ?? 'deleted');
  const updatedAt = names.updatedAt === null ? undefined : quoted(names.updatedAt ?? 'updated_at');
  const keyType = typeName(mapping.keyType ?? 'text');

  const members = Object.entries(mapping.members ?? {}).map(([name, { column, type }]) => ({
    name,
    column: quoted(column),
    type: typeName(type),
  }));
  const payload = members.length > 0 ? members.map((member) => member.column) : [quoted(names.value ?? 'value')];
  const source =
    members.length > 0
      ? `, jsonb_to_record(coalesce(nullif(r.j, 'null'), '{}')) as m(${members.map((m) => `${quoted(m.name)} ${m.type}`).join(', ')})`
      : '';
  const given = members.length > 0 ? members.map((m) => `m.${quoted(m.name)}`) : ["nullif(r.j, 'null')"];

  const columns = [key, ...payload, version, deleted, ...(updatedAt ? [updatedAt] : [])];
  const values = [
    keyType === 'text' ? 'r.k' : `r.k::${keyType}`,
    ...given,
    'r.v',
    'r.j is null',
    ...(updatedAt ? ['now()'] : []),
  ];
  const updates = [
    ...payload.map((column) => `${column} = excluded.${column}`),
    `${version} = excluded.${version}`,
    `${deleted} = excluded.${deleted}`,
    ...(updatedAt ? [`${updatedAt} = excluded.${updatedAt}`] : []),
  ];
  const loaded =
    members.length > 0
      ? `jsonb_build_object(${members.map((m) => `${literal(m.name)}, t.${m.column}`).join(', ')})`
      : `t.${payload[0]}`;

  return {
    save:
      `insert into ${table} as t (${columns.join(', ')}) select ${values.join(', ')} ` +
      // Three set-returning calls in one select list are streamed. One `unnest` of three arrays would store them first.
      `from (select unnest($1::text[]) as k, unnest($2::jsonb[]) as j, unnest($3::bigint[]) as v) as r${source} ` +
      `on conflict (${key}) do update set ${updates.join(', ')} ` +
      `where excluded.${version} > coalesce(t.${version}, 0)`,
    load:
      `select t.${key}::text as k, t.${version}::text as v, coalesce(t.${deleted}, false) as d, ${loaded}::text as j ` +
      `from ${table} t where t.${key} = any($1::text[]::${keyType}[])`,
    versions: `select t.${key}::text as k, t.${version}::text as v from ${table} t where t.${key} = any($1::text[]::${keyType}[])`,
    migration: mapping.migration ?? (mapping.table === undefined ? DEFAULT_MIGRATION : undefined),
    keyPrefix: mapping.keyPrefix ?? '',
  };
}
