import { section } from './setting';

export const cacheSettings = section('Cache', {});
