import { describeDeployed } from '../suite';

describeDeployed('premium-geo');
