import type { PassKind } from '../ports';
import { censusReport } from './census-report';
import { addGroups, type CensusFindings, type CensusPage } from './census-tally';
import { trend } from './census-trend';

export const censusKind: PassKind<CensusFindings, CensusPage> = {
  name: 'census',
  daily: true,
  empty: () => ({ groups: {}, big: [], measured: true }),
  add: addGroups,
  merge: addGroups,
  forget(findings) {
    findings.groups = {};
    findings.big = [];
    findings.measured = true;
  },
  figures(findings) {
    const { total, groups, big } = censusReport(findings);
    return {
      keys: total.keys,
      keysWithoutTtl: total.withoutTtl,
      groups: groups.length,
      biggestBytes: big[0]?.bytes ?? 0,
      ...(total.memory ? { bytes: total.memory.bytes, bytesError: total.memory.errorBytes } : {}),
    };
  },
  changes: () => ({}),
  trend,
};
