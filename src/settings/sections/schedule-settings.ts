import { schedule, section } from '../setting';

export const scheduleSettings = section('Schedules', {
  DRAIN_POISON_SCHEDULE: {
    schema: schedule('0 */5 * * * *'),
    meaning: 'When messages that the host gave up on are taken from the poison queues.',
  },
  PLAN_REFRESHES_SCHEDULE: {
    schema: schedule('30 * * * * *'),
    meaning: 'When hot entries that are due are claimed and queued.',
  },
  SWEEP_SCHEDULE: {
    schema: schedule('0 0 * * * *'),
    meaning: 'When sweeps that are due are planned, and stalled ones queued again.',
  },
  COLLECT_METRICS_SCHEDULE: {
    schema: schedule('0 * * * * *'),
    meaning: 'When a sample of every node is taken.',
    danger: 'Rules with `for` and `absent` expect a sample a minute.',
  },
  EVALUATE_ALERTS_SCHEDULE: {
    schema: schedule('20 * * * * *'),
    meaning: 'When the rules are evaluated; 20 s after the samples.',
  },
  REPORT_SCHEDULE: {
    schema: schedule('0 10 6 * * *'),
    meaning: 'When the daily report is written.',
  },
});
