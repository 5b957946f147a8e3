import { section } from './setting';

export const hygieneSettings = section('Hygiene', {});
