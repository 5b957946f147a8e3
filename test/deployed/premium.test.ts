import { describeDeployed } from './suite';

describeDeployed('premium');
