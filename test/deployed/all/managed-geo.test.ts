import { describeDeployed } from '../suite';

describeDeployed('managed-geo');
