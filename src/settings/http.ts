import { section } from './setting';

export const httpSettings = section('HTTP endpoints', {});
