import { describeDeployed } from '../suite';

describeDeployed('dev');
