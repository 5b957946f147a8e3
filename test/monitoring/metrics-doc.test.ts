import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderMetricsDoc } from '../../src/monitoring/metrics/metrics-doc';

test('docs/metrics.md is what the catalog says; `npm run generate` writes it', () => {
  expect(readFileSync(join(__dirname, '../../docs/metrics.md'), 'utf8')).toBe(renderMetricsDoc());
});
