import type { PassKind } from '../ports';
import type { NodeMemory, PassRecord, PassSummary, ShardRecord } from '../records/sweep-record';

/** Adds up the shards of a run. */
export function summarise<F>(
  run: PassRecord,
  shards: readonly ShardRecord<F>[],
  kind: PassKind<F>,
  now: number,
): PassSummary<F> {
  const findings = kind.empty();
  for (const shard of shards) kind.merge(findings, shard.findings);
  const sum = (of: (shard: ShardRecord<F>) => number) => shards.reduce((total, shard) => total + of(shard), 0);
  return {
    passId: run.passId,
    dryRun: run.dryRun,
    startedAt: run.startedAt,
    finishedAt: now,
    faults: shards.flatMap(({ shard, faults }) => faults.map((fault) => `${shard}: ${fault}`)),
    shards: shards.length,
    examined: sum(({ examined }) => examined),
    pages: sum(({ pages }) => pages),
    serverMs: Math.round(sum(({ serverMicros }) => serverMicros) / 1_000),
    restarts: sum(({ restarts }) => restarts),
    rescans: sum(({ rescans }) => rescans),
    figures: { ...memoryOf(shards), ...kind.figures(findings), ...kind.changes(findings) },
    findings,
  };
}

/** Of the servers, each counted once however many of its databases were walked. */
function memoryOf(shards: readonly ShardRecord[]): NodeMemory {
  const servers = new Map(
    shards
      .filter(({ status }) => status !== 'gone')
      .map(({ shard, memory }) => [shard.slice(shard.indexOf('@')), memory]),
  );
  const all = [...servers.values()];
  return {
    usedBytes: all.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
    // One server without a limit, and the whole has none.
    capacityBytes: all.some(({ capacityBytes }) => capacityBytes === 0)
      ? 0
      : all.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0),
  };
}
