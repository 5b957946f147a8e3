import { section } from './setting';

export const refreshAheadSettings = section('Refresh-ahead', {});
