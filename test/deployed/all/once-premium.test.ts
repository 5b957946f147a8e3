import { describeOnce } from '../once';

describeOnce('premium');
