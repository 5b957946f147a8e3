import { section } from './setting';

export const writeBehindSettings = section('Write-behind', {});
