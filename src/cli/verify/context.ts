import type { ArmResource, ResourceManager } from './resource-manager';

export type Offering = 'premium' | 'managed';

/** The versions of the APIs that are read; the same that infra/ deploys with. */
export const api = {
  premium: '2024-11-01',
  managed: '2026-09-01',
  network: '2025-05-01',
  dns: '2024-06-01',
  diagnostics: '2021-05-01-preview',
  metricAlerts: '2018-03-01',
  queryRules: '2023-12-01',
  web: '2025-03-01',
  resources: '2021-04-01',
} as const;

/** What every check works with. */
export interface Context {
  readonly arm: ResourceManager;
  /** `/subscriptions/{id}/resourceGroups/{name}` */
  readonly group: string;
  readonly offering: Offering;
  readonly cache: ArmResource;
  /** The database of a managed cache; the cache itself when premium. */
  readonly database: ArmResource;
  /** The resource a parameter file asked for, if its snapshot is given. */
  readonly asked: Asked | undefined;
}

/** What a snapshot says of the cache: compared as far as it says something. */
export interface Asked {
  readonly sku: string;
  readonly shards: number | undefined;
  readonly durability: Durability;
}

export type Durability = 'none' | 'rdb' | 'aof' | 'geo';

/** The value at a dotted path of a resource's properties; undefined if the path ends early. */
export const property = (resource: { readonly properties?: unknown }, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], resource.properties);

/** A property that is a list; empty if there is none. */
export function listOf<T = Record<string, unknown>>(
  resource: { readonly properties?: unknown },
  path: string,
): readonly T[] {
  const value = property(resource, path);
  return Array.isArray(value) ? (value as T[]) : [];
}

/** Resource ids are compared without regard to case: services disagree on it. */
export const sameId = (a: unknown, b: unknown): boolean => String(a).toLowerCase() === String(b).toLowerCase();
