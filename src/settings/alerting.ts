import { section } from './setting';

export const alertingSettings = section('Alerting', {});
