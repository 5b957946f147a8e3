import { section } from './setting';

export const monitoringSettings = section('Monitoring', {});
