import { section } from './setting';

export const sessionsSettings = section('Sessions', {});
