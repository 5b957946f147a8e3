import { describeOnce } from '../once';

describeOnce('managed');
