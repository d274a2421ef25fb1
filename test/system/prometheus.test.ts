import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { metricsText } from '#agent/view/metrics.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';

const test = suite('alert rules and metrics, by promtool');
const folder = join(import.meta.dirname, '..', '..', 'deploy', 'prometheus');

function promtool(args: string[], input = ''): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, {
    cwd: folder,
    input,
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.is(status, 0, `${stdout}${stderr}`);
}

if (findProgram('promtool') === undefined) test.skip('promtool takes them', 'prometheus is not installed');
else {
  test('the rules and the example are right', () => {
    promtool(['check', 'config', 'prometheus.yml']);
  });
  test('the rules raise what they should and nothing else', () => {
    promtool(['test', 'rules', 'peio.rules.test.yml']);
  });
  test('the metrics follow the customs of the field', async () => {
    const alerts = [{ key: 'camera-down.cam-1', severity: 'critical' as const }];
    promtool(
      ['check', 'metrics'],
      await metricsText([{ node: 'site-01', version: '1', online: true, alerts }]),
    );
  });
}
