import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { snapshotMetadata } from '../../scripts/snapshot-arguments.cjs';
import type { Diagnostic } from './bicep-server';
import { bicepServer, describeWithBicep, remembered, root } from './infra';

// What the platform refuses, in the words of a parameter file. Each is refused before anything is deployed.

type Parts = Record<string, unknown>;

const premium = (parts: Parts = {}) => ({
  offering: 'premium',
  capacity: 1,
  shards: 2,
  evictionPolicy: 'allkeys-lru',
  reservedMemoryMb: 642,
  reservedFragmentationMb: 642,
  durability: { kind: 'none' },
  patch: { day: 'Sunday', startHourUtc: 2 },
  ...parts,
});
const managed = (parts: Parts = {}) => ({
  offering: 'managed',
  sku: 'Balanced_B10',
  highAvailability: true,
  clusteringPolicy: 'OSSCluster',
  evictionPolicy: 'AllKeysLRU',
  durability: { kind: 'none' },
  maintenance: [
    { day: 'Sunday', startHourUtc: 2, hours: 10 },
    { day: 'Saturday', startHourUtc: 2, hours: 8 },
  ],
  ...parts,
});
const network = (parts: Parts = {}) => ({
  kind: 'new',
  addressPrefix: '10.20.0.0/16',
  functionsSubnetPrefix: '10.20.6.0/24',
  endpointsSubnetPrefix: '10.20.5.0/24',
  ...parts,
});
const secondary = { location: 'westus', resourceGroup: 'rg-oversight-prod-saas-westus' };
const geo = (parts: Parts = {}) => ({ kind: 'geo', secondary, ...parts });
const activeGeo = (parts: Parts = {}) => geo({ group: 'oversight', ...parts });
const twoRegions = network({ secondary: { addressPrefix: '10.21.0.0/16', endpointsSubnetPrefix: '10.21.5.0/24' } });
const subnet = (name: string) =>
  `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/${name}`;
const existing = (parts: Parts = {}) => ({
  kind: 'existing',
  virtualNetworkId: '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v',
  functionsSubnetId: subnet('functions'),
  endpointsSubnetId: subnet('endpoints'),
  endpointsSubnetPrefix: '10.7.5.0/24',
  addresses: { cache: '10.7.5.9', blob: '10.7.5.10', queue: '10.7.5.11', table: '10.7.5.12', vault: '10.7.5.13' },
  ...parts,
});

interface Case {
  readonly cache: Parts;
  readonly network?: Parts;
  readonly clients?: readonly Parts[];
}

/** Refused by a type: it cannot be written. */
const unwritable: readonly [string, Case, RegExp][] = [
  ['no offering', { cache: premium({ offering: undefined }) }, /"offering"/],
  [
    'RDB and AOF together (Premium)',
    { cache: premium({ durability: { kind: 'rdb', everyMinutes: 60, aofEnabled: true } }) },
    /"aofEnabled" is not allowed/,
  ],
  [
    'RDB and AOF together (managed)',
    { cache: managed({ durability: { kind: 'aof', every: '1h' } }) },
    /"every" is not allowed/,
  ],
  [
    'persistence with geo-replication (Premium)',
    { cache: premium({ durability: geo({ everyMinutes: 60 }) }) },
    /"everyMinutes" is not allowed/,
  ],
  [
    'persistence with geo-replication (managed)',
    { cache: managed({ durability: activeGeo({ every: '1h' }) }) },
    /"every" is not allowed/,
  ],
  ['zones with geo-replication', { cache: premium({ durability: geo({ zones: ['1'] }) }) }, /"zones" is not allowed/],
  [
    'several replicas with geo-replication',
    { cache: premium({ durability: geo({ replicas: 2 }) }) },
    /"replicas" is not allowed/,
  ],
  [
    'several replicas with AOF',
    { cache: premium({ durability: { kind: 'aof', replicas: 2 } }) },
    /"replicas" is not allowed/,
  ],
  ['injection into a network', { cache: premium({ subnetId: subnet('redis') }) }, /"subnetId" is not allowed/],
  ['a static address of the cache itself', { cache: premium({ staticIP: '10.20.5.4' }) }, /"staticIP" is not allowed/],
  ['firewall rules', { cache: premium({ firewallRules: [] }) }, /"firewallRules" is not allowed/],
  ['databases of a cluster', { cache: premium({ databases: 16 }) }, /"databases" is not allowed/],
  ['maxclients', { cache: premium({ maxclients: 7500 }) }, /"maxclients" is not allowed/],
  ['zones of Azure Managed Redis', { cache: managed({ zones: ['1', '2'] }) }, /"zones" is not allowed/],
  ['no shards', { cache: premium({ shards: 0 }) }, /at least 1|greater than or equal to 1|minimum/i],
  ['31 shards', { cache: premium({ shards: 31 }) }, /30/],
  [
    'a snapshot every 5 minutes',
    { cache: premium({ durability: { kind: 'rdb', everyMinutes: 5 } }) },
    /15 \| 30 \| 60|1440/,
  ],
  ['a fourth zone', { cache: premium({ durability: { kind: 'none', zones: ['4'] } }) }, /'1' \| '2' \| '3'/],
  ['one maintenance window', { cache: managed({ maintenance: [{ day: 'Sunday', startHourUtc: 2, hours: 20 }] }) }, /2/],
];

/** Written, and refused by a guard with the reason. */
const refused: readonly [string, Case, RegExp][] = [
  ['reserved memory of 10', { cache: premium({ reservedMemoryMb: 10 }) }, /10 to 60 %.*nearest legal value/],
  ['reserved fragmentation of 90 %', { cache: premium({ reservedFragmentationMb: 5530 }) }, /10 to 60 %/],
  ['a zone twice', { cache: premium({ durability: { kind: 'none', zones: ['1', '1'] } }) }, /names a zone twice/],
  [
    'both Premium caches in one region',
    {
      cache: premium({ durability: geo({ secondary: { ...secondary, location: 'East US' } }) }),
      network: twoRegions,
    },
    /needs another region/,
  ],
  [
    'both caches in one resource group',
    {
      cache: premium({
        durability: geo({ secondary: { ...secondary, resourceGroup: 'rg-oversight-prod-saas-eastus' } }),
      }),
      network: twoRegions,
    },
    /give it one of its own/,
  ],
  [
    'access keys with geo-replication',
    { cache: premium({ durability: geo(), accessKeys: 'key-vault' }), network: twoRegions },
    /keys of its own/,
  ],
  ['geo-replication without a second network', { cache: premium({ durability: geo() }) }, /needs network\.secondary/],
  [
    'active geo-replication without high availability',
    { cache: managed({ durability: activeGeo(), highAvailability: false }), network: twoRegions },
    /needs highAvailability/,
  ],
  [
    'active geo-replication of B1',
    { cache: managed({ durability: activeGeo(), sku: 'Balanced_B1' }), network: twoRegions },
    /cannot be geo-replicated/,
  ],
  [
    'active geo-replication of Flash',
    { cache: managed({ durability: activeGeo(), sku: 'FlashOptimized_A250' }), network: twoRegions },
    /cannot be geo-replicated/,
  ],
  [
    'both managed caches in one region',
    {
      cache: managed({ durability: activeGeo({ secondary: { ...secondary, location: 'eastus' } }) }),
      network: twoRegions,
    },
    /needs another region/,
  ],
  ['60 GB without clustering', { cache: managed({ sku: 'Balanced_B50', clusteringPolicy: 'NoCluster' }) }, /25 GB/],
  [
    'twelve hours a week to patch in',
    {
      cache: managed({
        maintenance: [
          { day: 'Sunday', startHourUtc: 2, hours: 6 },
          { day: 'Saturday', startHourUtc: 2, hours: 6 },
        ],
      }),
    },
    /fewer than 18 hours/,
  ],
  [
    'one subnet for the app and the endpoints',
    { cache: managed(), network: network({ functionsSubnetPrefix: '10.20.5.128/25' }) },
    /overlap/,
  ],
  [
    'a functions subnet too small to scale in',
    { cache: managed(), network: network({ functionsSubnetPrefix: '10.20.6.0/28' }) },
    /smaller than a \/27/,
  ],
  [
    'a subnet outside the network',
    { cache: managed(), network: network({ functionsSubnetPrefix: '10.30.6.0/24' }) },
    /outside the address space/,
  ],
  [
    'a client in the endpoints subnet',
    { cache: managed(), clients: [{ name: 'web', subnetPrefix: '10.20.5.0/25' }] },
    /client’s subnetPrefix overlaps/,
  ],
  [
    'one existing subnet for both',
    { cache: managed(), network: existing({ functionsSubnetId: subnet('endpoints') }) },
    /one subnet/,
  ],
  [
    'an address outside the existing subnet',
    { cache: managed(), network: existing({ endpointsSubnetPrefix: '10.8.5.0/24' }) },
    /outside 10\.8\.5\.0\/24/,
  ],
  [
    'two endpoints at one address',
    {
      cache: managed(),
      network: existing({
        addresses: { cache: '10.7.5.9', blob: '10.7.5.9', queue: '10.7.5.11', table: '10.7.5.12', vault: '10.7.5.13' },
      }),
    },
    /one address to two/,
  ],
  [
    'two networks that cannot be peered',
    {
      cache: managed({ durability: activeGeo() }),
      network: network({ secondary: { addressPrefix: '10.20.128.0/17', endpointsSubnetPrefix: '10.20.133.0/24' } }),
    },
    /cannot be peered/,
  ],
];

const legal: readonly [string, Case][] = [
  [
    'Premium with snapshots and zones',
    { cache: premium({ durability: { kind: 'rdb', everyMinutes: 60, zones: ['1', '2'] } }) },
  ],
  ['Premium with AOF', { cache: premium({ durability: { kind: 'aof', zones: ['3'] } }) }],
  ['Premium with three replicas', { cache: premium({ durability: { kind: 'none', replicas: 3 } }) }],
  ['Premium in two regions', { cache: premium({ durability: geo() }), network: twoRegions }],
  ['Premium with its keys in the vault', { cache: premium({ accessKeys: 'key-vault' }) }],
  ['managed without clustering', { cache: managed({ sku: 'Balanced_B20', clusteringPolicy: 'NoCluster' }) }],
  ['managed in two regions', { cache: managed({ durability: activeGeo() }), network: twoRegions }],
  ['managed in a network of one’s own', { cache: managed(), network: existing() }],
];

describeWithBicep('what the platform refuses', (bicep) => {
  const server = bicepServer(bicep);

  async function verdict(asked: Case, template: string): Promise<string> {
    const folder = join(root, '.cache', 'infra-tests');
    const text = parameters(asked, relative(folder, join(root, template)));
    return remembered(text, async () => {
      mkdirSync(folder, { recursive: true });
      const path = join(folder, `case-${process.pid}-${Date.now()}.bicepparam`);
      writeFileSync(path, text);
      try {
        return await compiled(path);
      } finally {
        rmSync(path);
      }
    });
  }

  /** What a deployment would say before it began: the errors of types, else that of a guard, else `legal`. */
  async function compiled(path: string): Promise<string> {
    const { diagnostics } = await server().call<{ diagnostics: Diagnostic[] }>('bicep/compileParams', {
      path,
      parameterOverrides: {},
    });
    const errors = diagnostics.filter(({ level }) => level === 'Error').map(({ message }) => message);
    if (errors.length > 0) return errors.join('\n');
    try {
      await server().call('bicep/getSnapshot', { path, metadata: snapshotMetadata });
      return 'legal';
    } catch (error) {
      return (error as Error).message;
    }
  }

  test.each(unwritable)('%s cannot be written', async (_, asked, reason) => {
    expect(await verdict(asked, 'test/infra/harness/guards.bicep')).toMatch(reason);
  });

  test.each(refused)('%s is refused with the reason', async (_, asked, reason) => {
    expect(await verdict(asked, 'test/infra/harness/guards.bicep')).toMatch(reason);
  });

  test.each(legal)('%s is let through', async (_, asked) => {
    expect(await verdict(asked, 'test/infra/harness/guards.bicep')).toBe('legal');
  });

  test.each([
    ['a Premium cache', { cache: premium({ reservedMemoryMb: 10 }) }, /nearest legal value/],
    ['a managed cache', { cache: managed({ sku: 'Balanced_B50', clusteringPolicy: 'NoCluster' }) }, /25 GB/],
    ['a network', { cache: managed(), network: network({ functionsSubnetPrefix: '10.20.6.0/28' }) }, /smaller than/],
  ] satisfies [string, Case, RegExp][])('the template itself asks the guard of %s', async (_, asked, reason) => {
    expect(await verdict(asked, 'infra/main.bicep')).toMatch(reason);
  });
});

function parameters({ cache, network: net = network(), clients = [] }: Case, template: string): string {
  const lines = [`using '${template.replaceAll('\\', '/')}'`, `param cache = ${literal(cache)}`];
  lines.push(`param network = ${literal(net)}`, `param clients = ${literal(clients)}`);
  if (template.endsWith('main.bicep')) {
    lines.push(
      `param app = ${literal({ nodeVersion: '22', instanceMemoryMb: 2048, maximumInstances: 1, allowedAddresses: [] })}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** A value as Bicep writes it. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[\n${value.map((item) => `${literal(item)}\n`).join('')}]`;
  if (value !== null && typeof value === 'object') {
    const parts = Object.entries(value).filter(([, part]) => part !== undefined);
    return `{\n${parts.map(([name, part]) => `${name}: ${literal(part)}\n`).join('')}}`;
  }
  return typeof value === 'string' ? `'${value}'` : String(value);
}
